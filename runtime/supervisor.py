"""One parent for web, worker and stream: starts them, restarts what dies, ends them together."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Final

from runtime.orphans import PARENT_VARIABLE

STOP_WITHIN_S: Final = 4.5
_LOOK_EVERY_S: Final = 0.2
_FIRST_RESTART_S: Final = 0.2
_LONGEST_RESTART_S: Final = 10.0
# A child that lived this long was healthy: its next restart is quick again.
_HEALTHY_AFTER_S: Final = 30.0

# Threads share two heaps: with one each, as glibc would have it, what one frees stays lost to the others.
_FRUGAL: Final = {"MALLOC_ARENA_MAX": "2"}

log = logging.getLogger("pointsman.serve")


class Child:
    """One supervised process and the patience with it."""

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self.name = name
        self._command = list(command)
        self._environ = dict(environ)
        self._delay_s = _FIRST_RESTART_S
        self._started = 0.0
        self._start_at = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def look(self, now: float) -> None:
        """Start the process if it is time; note its death and when to start it again."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            self.process = None
            if now - self._started > _HEALTHY_AFTER_S:
                self._delay_s = _FIRST_RESTART_S
            log.warning("%s ended with code %s; starting again in %.1f s", self.name, code, self._delay_s)
            self._start_at = now + self._delay_s
            self._delay_s = min(self._delay_s * 2, _LONGEST_RESTART_S)
        elif now >= self._start_at:
            self._started = now
            self.process = subprocess.Popen(self._command, env=self._environ)  # noqa: S603  (our own program)

    def signal(self, number: int) -> None:
        """Send a signal if the process lives."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, timeout_s: float) -> bool:
        """Whether the process has ended within the time."""
        if self.process is None:
            return True
        try:
            self.process.wait(max(0.0, timeout_s))
        except subprocess.TimeoutExpired:
            return False
        return True


class Supervisor:
    """Keeps the named programs running until it is told to stop."""

    def __init__(self, names: Sequence[str], environ: Mapping[str, str]) -> None:
        environment = {**_FRUGAL, **os.environ, **environ, PARENT_VARIABLE: str(os.getpid())}
        self.children = [Child(name, [sys.executable, "-m", "cli", name], environment) for name in names]
        self._stop = threading.Event()

    def stop(self) -> None:
        """Make `run` end its children and return."""
        self._stop.set()

    def run(self) -> None:
        """Supervise until `stop`; every child has ended on return, within about 5 s."""
        try:
            while not self._stop.is_set():
                for child in self.children:
                    child.look(monotonic())
                self._stop.wait(_LOOK_EVERY_S)
        finally:
            self._end()

    def _end(self) -> None:
        deadline = monotonic() + STOP_WITHIN_S
        for child in self.children:
            child.signal(signal.SIGTERM)
        for child in self.children:
            if not child.wait(deadline - monotonic()):
                log.warning("%s did not end in time and is killed", child.name)
                child.signal(signal.SIGKILL)
                child.wait(1.0)
