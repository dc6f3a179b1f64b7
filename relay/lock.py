"""One relay for one data directory."""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from runtime.errors import Locked

_held: list[int] = []
_POLL_S: Final = 0.1


def held_alone(data_dir: Path, *, patience_s: float = 15.0) -> None:
    """Take the directory for the rest of this process. Locked: another relay has it.

    Waits a while, for one that was just killed may leave a child that ends within seconds.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise Locked(str(data_dir), "another relay runs there; give each its own --data") from None
            time.sleep(_POLL_S)
        else:
            _held.append(descriptor)
            return
