"""What a client owes the process it lives in: to survive a fork, and to hand over its events at the exit."""

import atexit
import os
import sys
import threading
import time
import weakref
from typing import Final, Protocol

# The longest a fork waits for our imports to end (they take a tenth of a second).
_IMPORTS_WITHIN_S: Final = 5.0


class Resident(Protocol):
    """What lives in a process and must hear of its forks and its end."""

    exit_timeout_s: float

    def after_fork(self) -> None:
        """Called in a forked child, before anything else runs there. Must not raise."""

    def at_exit(self, timeout_s: float) -> None:
        """Called at the interpreter's exit, when threads can no longer be started. Must not raise."""


_residents: "weakref.WeakSet[Resident]" = weakref.WeakSet()
_promised = False
_deadline: float | None = None
"""When the exit must be over, once it has begun."""
# Held while the background thread imports. A fork in the middle of an import would leave the module's lock
# taken for ever in the child, and the host's own import of the same module would hang: forks wait for it.
importing = threading.Lock()
_fork_waited = False


def settle(resident: Resident) -> None:
    """From now on the resident hears of forks. It is held weakly."""
    _residents.add(resident)


def promise_exit() -> None:
    """See to it that the residents are told of this process's end. To be called in each process anew."""
    global _promised
    if _promised:
        return
    _promised = True
    atexit.register(_at_exit)
    # A child of multiprocessing leaves by os._exit, past atexit (before Python 3.13), but runs these.
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, _at_exit, exitpriority=0)


def _at_exit() -> None:
    global _deadline
    residents = list(_residents)
    if _deadline is None:  # A forked child may be told twice, by its parent's hook too: one bound for both.
        _deadline = time.monotonic() + max((resident.exit_timeout_s for resident in residents), default=0.0)
    for resident in residents:
        resident.at_exit(max(0.0, _deadline - time.monotonic()))


def _before_fork() -> None:
    global _fork_waited
    _fork_waited = importing.acquire(timeout=_IMPORTS_WITHIN_S)


def _after_fork_in_parent() -> None:
    if _fork_waited:
        importing.release()


def _after_fork_in_child() -> None:
    global importing, _promised, _deadline
    importing = threading.Lock()
    # A child of multiprocessing clears the hooks it inherits; being called twice is harmless.
    _promised = False
    _deadline = None
    for resident in list(_residents):
        resident.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
