"""The last good ruleset on disk, so that a process can start while the server is away."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pointsman.address import Address
from pointsman.core.codec import decode
from pointsman.core.model import Ruleset
from pointsman.errors import CodecError

# Neither follow a link somebody laid there nor hang on a pipe.
_READ: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_MAGIC: Final = b"pointsman-ruleset-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A ruleset that was read without fault, and the server's tag for it."""

    ruleset: Ruleset
    etag: str


class RulesetFile:
    """One file per server address and key. Never raises: what failed is in ``problem`` and ``errors``."""

    def __init__(self, directory: str | os.PathLike[str], address: Address, key: str, limit: int) -> None:
        # The key is a secret: only its digest reaches the file system.
        name = hashlib.sha256(f"{address}\0{key}".encode()).hexdigest()[:32]
        self.path: Final = Path(directory).absolute() / f"{name}.ruleset"
        self.errors = 0
        self.problem: str | None = None
        self._limit: Final = limit

    def load(self) -> Held | None:
        """The ruleset kept last, or None: there is no file, or it is not ours, not whole or not readable."""
        try:
            return _parse(self._read())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._fail(error)
            return None

    def save(self, body: bytes, etag: str) -> None:
        """Keep these bytes, wholly or not at all: written aside, synced, then renamed. Mode 0600."""
        temporary = self.path.with_suffix(f".{os.urandom(6).hex()}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                _write(temporary, _pack(body, etag))
                temporary.replace(self.path)
            finally:
                temporary.unlink(missing_ok=True)
        except (OSError, ValueError) as error:
            self._fail(error)

    def _read(self) -> bytes:
        descriptor = os.open(self.path, _READ)
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise CodecError("cache", "is not a regular file")
            if hasattr(os, "geteuid") and about.st_uid != os.geteuid():
                raise CodecError("cache", "belongs to another user")
            packed = file.read(self._limit + 1024)
        if len(packed) == self._limit + 1024:
            raise CodecError("cache", "is too large")
        return packed

    def _fail(self, error: Exception) -> None:
        self.errors += 1
        self.problem = f"{self.path}: {error}"


def _pack(body: bytes, etag: str) -> bytes:
    return b"\n".join((_MAGIC, hashlib.sha256(body).hexdigest().encode(), etag.encode("latin-1"), body))


def _parse(packed: bytes) -> Held:
    magic, _, rest = packed.partition(b"\n")
    digest, _, rest = rest.partition(b"\n")
    etag, _, body = rest.partition(b"\n")
    if magic != _MAGIC or digest != hashlib.sha256(body).hexdigest().encode():
        raise CodecError("cache", "is damaged")
    return Held(ruleset=decode(body), etag=etag.decode("latin-1"))


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
