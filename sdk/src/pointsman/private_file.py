"""Files only this user can read: written wholly or not at all, never read if another user laid them."""

import os
import stat
from pathlib import Path
from typing import Final

from pointsman.errors import CodecError

# Neither follow a link somebody laid there nor hang on a pipe.
_READ: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def read_private(path: Path, limit: int) -> bytes:
    """The file's bytes. OSError; CodecError: no regular file, another user's, or over ``limit`` bytes."""
    descriptor = os.open(path, _READ)
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise CodecError("cache", "is not a regular file")
        if hasattr(os, "geteuid") and about.st_uid != os.geteuid():
            raise CodecError("cache", "belongs to another user")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise CodecError("cache", "is too large")
    return content


def write_private(path: Path, content: bytes) -> None:
    """Keep these bytes, wholly or not at all: written aside, synced, then renamed. Mode 0600. OSError."""
    temporary = path.with_suffix(f".{os.urandom(6).hex()}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
