"""A process started by the supervisor ends when the supervisor is gone, kill -9 included."""

import os
import signal
import threading
from typing import Final

PARENT_VARIABLE: Final = "POINTSMAN_PARENT"
_EVERY_S: Final = 0.5


def end_with_parent() -> None:
    """Watch the parent this process was born to, and end this process once it is gone.

    Does nothing unless the supervisor started us: a process run by hand may outlive its shell.
    """
    if PARENT_VARIABLE in os.environ:
        born_to = os.getppid()
        threading.Thread(target=_watch, args=(born_to,), name="pointsman-orphan", daemon=True).start()


def _watch(born_to: int) -> None:
    tick = threading.Event()
    while not tick.wait(_EVERY_S):
        if os.getppid() != born_to:
            os.kill(os.getpid(), signal.SIGTERM)
            tick.wait(5)
            os._exit(1)  # SIGTERM was not enough, and nobody is left to ask
