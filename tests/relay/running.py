"""A relay in real processes, beside a real platform."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from tests.platform import PATIENCE_S, ROOT, free_port, wait_until

SERVER_KEY = "relay-server-key-0001"
CLIENT_KEY = "relay-client-key-0001"


@dataclass
class Relay:
    """One relay on a port of its own; starts and ends as often as a test likes."""

    folder: Path
    upstream: str
    key: str
    port: int
    spool_mb: int = 100
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, in a process group of its own."""
        keys = self.folder / "keys"
        keys.write_text(f"# ours\nserver {SERVER_KEY}\nclient {CLIENT_KEY}  # phones\n")
        environ = os.environ | {
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'sdk' / 'src'}",
            "POINTSMAN_KEY": self.key,
        }
        environ.pop("POINTSMAN_PARENT", None)
        options = {
            "upstream": self.upstream,
            "keys": keys,
            "port": self.port,
            "data": self.folder / "data",
            "poll-interval": 0.1,
            "spool-mb": self.spool_mb,
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        with (self.folder / "relay.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli", "relay", *words],
                env=environ,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(lambda: self.status("/healthz") == 200, f"the relay; its log: {self.log()}")

    def kill(self) -> None:
        """kill -9, all of it."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE_S)
            self.process = None

    def log(self) -> str:
        """What it printed."""
        return (self.folder / "relay.log").read_text()[-3_000:]

    def ask(
        self, method: str, path: str, key: str | None = SERVER_KEY, **more: Any
    ) -> urllib3.BaseHTTPResponse:
        """One request."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        headers |= more.pop("headers", {})
        return urllib3.request(method, self.url + path, headers=headers, retries=False, timeout=20.0, **more)

    def status(self, path: str) -> int | None:
        """The status of a GET; None: nobody answers."""
        try:
            return self.ask("GET", path).status
        except urllib3.exceptions.HTTPError:
            return None

    def told(self) -> dict[str, Any]:
        """What /readyz says."""
        found: dict[str, Any] = json.loads(self.ask("GET", "/readyz").data)
        return found

    def revision(self) -> int | None:
        """The revision it serves."""
        found: int | None = self.told()["revision"]
        return found


@contextmanager
def relay(folder: Path, upstream: str, key: str, **options: Any) -> Iterator[Relay]:
    """A relay that is started by the test, and ended after it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Relay(folder=folder, upstream=upstream, key=key, port=free_port(), **options)
    try:
        yield made
    finally:
        made.kill()


def batch(number: int, events: int = 3) -> bytes:
    """Outcomes of so many units."""
    now_us = time.time_ns() // 1_000
    units = [f"u{number}-{index}" for index in range(events)]
    outcomes = [
        {"type": "outcome", "at_us": now_us, "unit": unit, "name": "click", "value": 1} for unit in units
    ]
    return json.dumps({"batch": f"{number:032x}", "events": outcomes}).encode()
