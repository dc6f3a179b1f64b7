"""One parent for three processes: it brings back what dies, and ends everything when it ends."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import urllib3

from experiments.events.storage import backlog
from experiments.metrics import proportion
from tests.flows.making import running_experiment
from tests.platform import ROOT, Platform, opened, platform, wait_until

pytestmark = pytest.mark.faults

END_WITHIN_S = 5.0
# A test machine may be busy; the promise is 5 s of the platform's own time.
PATIENCE_S = 15.0


@contextmanager
def serving(folder: Path) -> Iterator[Platform]:
    with platform(folder) as running:
        running.start("serve")
        running.wait_until_ready()
        wait_until(lambda: len(programs(running)) == 3, "all three programs")
        yield running


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """For tests that leave it running."""
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def ending(tmp_path: Path) -> Iterator[Platform]:
    """For tests that end it."""
    with serving(tmp_path) as running:
        yield running


def programs(running: Platform) -> dict[str, psutil.Process]:
    """The supervisor's children by name."""
    found = {}
    for child in psutil.Process(running.processes["serve"].pid).children():
        try:
            found[child.cmdline()[-1]] = child
        except (psutil.NoSuchProcess, psutil.ZombieProcess, IndexError):
            continue
    return found


def everything(running: Platform) -> list[psutil.Process]:
    children: list[psutil.Process] = psutil.Process(running.processes["serve"].pid).children(recursive=True)
    return children


@pytest.mark.parametrize("name", ["web", "worker", "stream"])
def test_a_killed_program_comes_back(served: Platform, name: str) -> None:
    victim = programs(served)[name]

    victim.kill()

    def replaced() -> bool:
        found = programs(served).get(name)
        return found is not None and found.pid != victim.pid

    wait_until(replaced, f"a new {name}")
    wait_until(served.ready, "the web server")


def test_the_web_server_comes_back_when_only_its_worker_process_is_killed(served: Platform) -> None:
    inner = programs(served)["web"].children()[0]

    inner.kill()

    wait_until(served.ready, "the web server")


def test_sigterm_ends_everything_cleanly_and_keeps_what_was_acknowledged(ending: Platform) -> None:
    with opened(ending.settings) as database:
        key = running_experiment(database, "f", ("v1", "v2"), (proportion("click"),)).sdk_key
        assert send_one(ending, key) == 200
        processes = everything(ending)
        started = time.monotonic()

        code = ending.stop("serve", within_s=PATIENCE_S)

        assert code == 0
        assert time.monotonic() - started < PATIENCE_S
        assert not any(process.is_running() and process.status() != "zombie" for process in processes)
        ending.start("worker")

        def drained() -> bool:
            with database.reading() as session:
                return backlog(session).events == 0

        wait_until(drained, "the acknowledged event in the lake")


def test_kill_nine_of_the_supervisor_leaves_nobody_behind(ending: Platform) -> None:
    processes = everything(ending)

    os.kill(ending.processes["serve"].pid, signal.SIGKILL)
    ending.processes.pop("serve").wait()

    wait_until(
        lambda: not any(process.is_running() and process.status() != "zombie" for process in processes),
        "the orphans to end",
    )


def test_a_wrong_setting_ends_the_command_with_one_clear_line(tmp_path: Path) -> None:
    environ = os.environ | {"POINTSMAN_DATA": str(tmp_path), "POINTSMAN_PORT": "many"}

    ended = subprocess.run(
        [sys.executable, "-m", "cli", "serve"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ended.returncode == 1
    assert ended.stderr == "Error: POINTSMAN_PORT: 'many' is not a whole number from 1 to 65535\n"


def send_one(running: Platform, key: str) -> int:
    event = {"type": "outcome", "at_us": time.time_ns() // 1_000, "unit": "u", "name": "click"}
    answer = urllib3.request(
        "POST",
        f"{running.settings.base_url}/v1/events",
        json={"batch": uuid.uuid4().hex, "events": [event]},
        headers={"Authorization": f"Bearer {key}"},
    )
    return answer.status
