"""A process started by another of ours ends when that one is gone, kill -9 included."""

import os
import signal
import threading
from typing import Final

PARENT_VARIABLE: Final = "POINTSMAN_PARENT"
_EVERY_S: Final = 0.5
_GRACE_S: Final = 5.0


def announce_parent() -> None:
    """Tell the processes that this one will start whose children they are."""
    os.environ[PARENT_VARIABLE] = str(os.getpid())


def end_with_parent() -> None:
    """End this process once the one that announced itself as its parent is gone, now or later.

    Does nothing where nobody did: a process run by hand may outlive its shell.
    """
    announced = os.environ.get(PARENT_VARIABLE, "")
    if announced.isdecimal():
        parent = int(announced)
        threading.Thread(target=_watch, args=(parent,), name="pointsman-orphan", daemon=True).start()


def _watch(parent: int) -> None:
    tick = threading.Event()
    while os.getppid() == parent:
        tick.wait(_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
    tick.wait(_GRACE_S)
    os._exit(1)  # SIGTERM was not enough, and nobody is left to ask
