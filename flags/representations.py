"""A ruleset in every form that a client may ask for: whole or minimal, plain or packed."""

import gzip
import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Final

from flags.cache import CompiledRuleset
from flags.model import KeyKind, RulesetId

_MOST_BYTES: Final = 32 * 1024 * 1024
# Packing less than this saves no packet.
_LEAST_BYTES: Final = 1_024
_GZIP_LEVEL: Final = 6
_ZSTD_LEVEL: Final = 6


class Encoding(StrEnum):
    """How a body is packed."""

    IDENTITY = "identity"
    GZIP = "gzip"
    ZSTD = "zstd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """A body as it goes out. ``tag`` is the same for every packing of it, ``etag`` is its own."""

    body: bytes
    encoding: Encoding
    tag: str

    @property
    def etag(self) -> str:
        """The strong tag's text, without quotes."""
        return self.tag if self.encoding is Encoding.IDENTITY else f"{self.tag}-{self.encoding}"


class Representations:
    """Those made so far, the least recently used forgotten first. One for a process."""

    def __init__(self, *, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._made: OrderedDict[tuple[RulesetId, KeyKind, Encoding], Representation] = OrderedDict()
        self._lock = Lock()

    def at_hand(self, compiled: CompiledRuleset, kind: KeyKind, encoding: Encoding) -> Representation | None:
        """The form, if it costs nothing; None: it has to be made."""
        if kind is KeyKind.SERVER and (encoding is Encoding.IDENTITY or len(compiled.body) < _LEAST_BYTES):
            return Representation(body=compiled.body, encoding=Encoding.IDENTITY, tag=compiled.etag)
        with self._lock:
            found = self._made.get((compiled.id, kind, encoding))
            if found is not None:
                self._made.move_to_end((compiled.id, kind, encoding))
            return found

    def of(self, compiled: CompiledRuleset, kind: KeyKind, encoding: Encoding) -> Representation:
        """The form, made now if need be."""
        found = self.at_hand(compiled, kind, encoding)
        return found or self._keep((compiled.id, kind, encoding), _made(compiled, kind, encoding))

    def _keep(self, name: tuple[RulesetId, KeyKind, Encoding], made: Representation) -> Representation:
        with self._lock:
            former = self._made.pop(name, None)
            self._bytes += len(made.body) - (0 if former is None else len(former.body))
            self._made[name] = made
            while self._bytes > self._most_bytes and len(self._made) > 1:
                self._bytes -= len(self._made.popitem(last=False)[1].body)
        return made


def _made(compiled: CompiledRuleset, kind: KeyKind, encoding: Encoding) -> Representation:
    body, tag = compiled.body, compiled.etag
    if kind is KeyKind.CLIENT:
        body = _minimal(body)
        tag = hashlib.sha256(body).hexdigest()
    if len(body) < _LEAST_BYTES:
        encoding = Encoding.IDENTITY
    return Representation(body=_packed(body, encoding), encoding=encoding, tag=tag)


def _minimal(body: bytes) -> bytes:
    """What a client key may know: which flags there are, of what kind, and which are on."""
    whole = json.loads(body)
    flags = {key: {"enabled": flag["enabled"], "kind": flag["kind"]} for key, flag in whole["flags"].items()}
    known = {name: whole[name] for name in ("environment", "project", "revision")}
    return json.dumps(
        {**known, "flags": flags}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()


def _packed(body: bytes, encoding: Encoding) -> bytes:
    if encoding is Encoding.GZIP:
        # Without a time in it, so that equal bodies are packed into equal bytes, as a strong tag promises.
        return gzip.compress(body, _GZIP_LEVEL, mtime=0)
    if encoding is Encoding.ZSTD:
        import zstandard

        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(body)
    return body
