"""A real platform in real processes, for the tests that kill, replay and click."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sqlalchemy.engine import make_url

from runtime import migrations
from runtime.database import Database
from runtime.settings import Settings

ROOT = Path(__file__).parent.parent
PATIENCE_S = 60.0


def free_port() -> int:
    """A port of the loopback interface that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def migrate(settings: Settings) -> None:
    """Every table, as the migrations make them: in SQLite by copying what they made once in this run."""
    made = make_url(settings.database_url)
    path = Path(made.database or "")
    if made.get_backend_name() != "sqlite" or path.exists():
        migrations.upgrade(settings)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory(prefix="migrated-") as folder:
        settings = Settings(data_dir=Path(folder))
        migrations.upgrade(settings)
        # The last connection is closed, so that nothing is left in the write-ahead log.
        return (Path(folder) / "pointsman.db").read_bytes()


def wait_until(condition: Callable[[], bool], what: str, *, patience_s: float = PATIENCE_S) -> None:
    """Return as soon as the condition holds; AssertionError naming ``what`` when it never does."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {patience_s} s in vain for {what}"
        time.sleep(0.02)


@dataclass
class Platform:
    """An installation of its own and the processes the test started for it."""

    settings: Settings
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Start `pointsman NAME` for each name, each in a process group of its own."""
        environ = os.environ | self.settings.to_environment()
        environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'sdk' / 'src'}"
        environ.pop("POINTSMAN_PARENT", None)
        for name in names:
            log = (self.settings.data_dir / f"{name}.log").open("ab")
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "cli", name],
                env=environ,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            log.close()

    def kill(self, name: str) -> None:
        """kill -9 the process and everything it started."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)

    def stop(self, name: str, *, within_s: float = 10.0) -> int:
        """SIGTERM, and the exit code. subprocess.TimeoutExpired: it did not end in time."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(within_s)

    def ready(self) -> bool:
        """Whether the web server answers and the database is up to date."""
        return self.status("/readyz") == 200

    def status(self, path: str) -> int | None:
        """The HTTP status of a GET; None: nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.settings.base_url}{path}", timeout=5) as answer:
                status: int = answer.status
                return status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def wait_until_ready(self) -> None:
        """Wait for the web server; AssertionError with its log when it never comes."""
        wait_until(self.ready, f"the web server; its log: {self.log()}")

    def log(self) -> str:
        """What the processes printed."""
        return "\n".join(path.read_text()[-2_000:] for path in self.settings.data_dir.glob("*.log"))

    def end(self) -> None:
        """Kill whatever still runs."""
        for name in list(self.processes):
            self.kill(name)


@contextmanager
def platform(data_dir: Path, *, database_url: str = "", redis_url: str | None = None) -> Iterator[Platform]:
    """A migrated installation on free ports; nothing runs yet, and nothing does afterwards."""
    settings = Settings(
        data_dir=data_dir,
        database_url=database_url,
        redis_url=redis_url,
        port=free_port(),
        stream_port=free_port(),
    )
    migrate(settings)
    made = Platform(settings)
    try:
        yield made
    finally:
        made.end()


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The installation's database, closed afterwards."""
    database = Database(settings.database_url)
    try:
        yield database
    finally:
        database.close()
