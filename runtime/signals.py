"""SIGTERM and SIGINT ask for a clean end."""

import signal
from collections.abc import Callable


def on_end(stop: Callable[[], None]) -> None:
    """Call ``stop`` when this process is asked to end; main thread only."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
