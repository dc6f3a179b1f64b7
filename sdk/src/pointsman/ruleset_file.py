"""The last good ruleset on disk, so that a process can start while the server is away."""

import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pointsman.address import Address
from pointsman.core.model import Ruleset
from pointsman.core.references import unit_sets_of
from pointsman.core.succeeding import decode_next
from pointsman.errors import CodecError
from pointsman.private_file import read_private, write_private
from pointsman.shelf import Shelf, UnitSets

_MAGIC: Final = b"pointsman-ruleset-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A ruleset that was read without fault, and the server's tag for it."""

    ruleset: Ruleset
    etag: str
    units: UnitSets = field(default_factory=dict)
    """Every unit set the ruleset refers to."""


class RulesetFile:
    """One file per server address and key. Never raises: what failed is in ``problem`` and ``errors``."""

    def __init__(
        self, directory: str | os.PathLike[str], address: Address, key: str, limit: int, shelf: Shelf
    ) -> None:
        self.path: Final = Path(directory).absolute() / f"{cache_name(address, key)}.ruleset"
        self.errors = 0
        self.problem: str | None = None
        self.shelf: Final = shelf
        self._limit: Final = limit

    def load(self) -> Held | None:
        """The ruleset kept last, or None: there is no file, or it is not ours, not whole or not readable."""
        try:
            held = _parse(read_private(self.path, self._limit + 1024))
            units = self.shelf.on_hand(unit_sets_of(held.ruleset))
            # Without its unit sets a ruleset could move units: better to wait for the server.
            return None if units is None else replace(held, units=units)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._fail(error)
            return None

    def save(self, body: bytes, etag: str) -> None:
        """Keep these bytes, wholly or not at all: written aside, synced, then renamed. Mode 0600."""
        try:
            write_private(self.path, _pack(body, etag))
        except (OSError, ValueError) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.errors += 1
        self.problem = f"{self.path}: {error}"


def cache_name(address: Address, key: str) -> str:
    """What this server and key are called in the cache directory."""
    # The key is a secret: only its digest reaches the file system.
    return hashlib.sha256(f"{address}\0{key}".encode()).hexdigest()[:32]


def _pack(body: bytes, etag: str) -> bytes:
    return b"\n".join((_MAGIC, hashlib.sha256(body).hexdigest().encode(), etag.encode("latin-1"), body))


def _parse(packed: bytes) -> Held:
    magic, _, rest = packed.partition(b"\n")
    digest, _, rest = rest.partition(b"\n")
    etag, _, body = rest.partition(b"\n")
    if magic != _MAGIC or digest != hashlib.sha256(body).hexdigest().encode():
        raise CodecError("cache", "is damaged")
    return Held(ruleset=decode_next(body, None), etag=etag.decode("latin-1"))
