"""The unmodified GrowthBook SDK for JavaScript, installed from npm, against a running server."""

import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.growthbook.conftest import UNITS, Asked, Site
from tests.growthbook.furnishing import FLAGS
from tests.platform import PATIENCE_S, ROOT

SOURCE: Final = Path(__file__).parent / "javascript"
# Kept between runs; .data is nobody's but this machine's.
INSTALLED: Final = ROOT / ".data" / "growthbook-javascript"
INSTALL_S: Final = 180


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where the SDK is installed; the test is skipped where it cannot be."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("Node and npm are not on this machine")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for file in SOURCE.iterdir():
        shutil.copy(file, INSTALLED / file.name)
    if not (INSTALLED / "node_modules" / "@growthbook").exists():
        command = [npm, "ci", "--ignore-scripts"]
        try:
            done = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, timeout=INSTALL_S)
        except subprocess.TimeoutExpired:
            pytest.skip("npm could not install the SDK in time")
        if done.returncode:
            pytest.skip(f"npm cannot install the SDK here: {done.stderr[-300:]}")
    return INSTALLED


def test_100_000_units_of_every_flag_get_what_we_serve(folder: Path, site: Site, asked: Asked) -> None:
    done = subprocess.run(
        ["node", "answers.mjs", site.url, site.key, str(asked.file), *FLAGS],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    served = json.loads(done.stdout)

    assert {flag: len(values) for flag, values in served.items()} == dict.fromkeys(FLAGS, UNITS)
    assert {flag for flag in FLAGS if served[flag] != asked.served[flag]} == set()


@contextmanager
def streaming(folder: Path, site: Site, host: str) -> Iterator[Callable[[], object]]:
    """A running SDK that looks for its stream at ``host``; call for the next value of the flag `switched`."""
    process = subprocess.Popen(
        ["node", "stream.mjs", site.url, site.key, "switched", host],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    try:
        yield lambda: json.loads(lines.get(timeout=PATIENCE_S))
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("where", ["the web server sends it on", "the stream server itself"])
def test_a_change_arrives_by_the_stream(folder: Path, site: Site, where: str) -> None:
    site.switch(enabled=True)
    settings = site.platform.settings
    host = site.url if where.startswith("the web") else f"http://{settings.host}:{settings.stream_port}"

    with streaming(folder, site, host) as told:
        assert told() == "#f00"

        site.switch(enabled=False)

        assert told() == "#00f"
