"""Sets of units as bytes: immutable, self-describing, found by their digest, asked without unpacking.

Layout, little-endian: magic ``PMUS``, version (u8, 1), kind (u8), length of the salt in bytes (u16), units
(u64), the salt in UTF-8, then the payload. ``hashes``: the units' 64-bit hashes, ascending. ``bloom``: 16
bits a unit, 8 probes, the two 32-bit halves of the hash doubly hashed: wrongly "yes" for about 0.06 %
of others.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise
from struct import Struct
from typing import Final, Protocol

from mmh3 import hash64

from pointsman.errors import CodecError

UNPUBLISHED: Final = "0" * 64
"""The name of a set that would be too large to hand out: nobody has it, and who is in it must be asked."""

_HEAD: Final = Struct("<4sBBHQ")
_MAGIC: Final = b"PMUS"
_VERSION: Final = 1
BYTES_A_UNIT: Final = 2
PROBES: Final = 8
_HALF: Final = 0xFFFFFFFF
_MOST_SALT: Final = 65_535


class SetKind(StrEnum):
    """How a set answers."""

    HASHES = "hashes"
    """Exactly, but for two units in 2**64 with one hash."""
    BLOOM = "bloom"
    """Never wrongly no, wrongly yes in about 0.06 % of cases."""


_CODES: Final = {SetKind.HASHES: 1, SetKind.BLOOM: 2}
_KINDS: Final = {code: kind for kind, code in _CODES.items()}


class UnitSet(Protocol):
    """Units somebody listed. Its memory is its bytes."""

    @property
    def count(self) -> int:
        """How many units were put in."""

    @property
    def kind(self) -> SetKind:
        """How it answers."""

    def holds(self, unit: str) -> bool:
        """Whether the unit is in. UnicodeEncodeError: a lone surrogate."""


class _Hashes:
    __slots__ = ("_hashes", "_prefix", "count")
    kind: Final = SetKind.HASHES

    def __init__(self, salt: str, count: int, hashes: Sequence[int]) -> None:
        self.count: Final = count
        self._prefix: Final = f"{salt}:"
        self._hashes: Final = hashes

    def holds(self, unit: str) -> bool:
        wanted: int = hash64((self._prefix + unit).encode(), signed=False)[0]
        at = bisect_left(self._hashes, wanted)
        return at < self.count and self._hashes[at] == wanted


class _Bloom:
    __slots__ = ("_bits", "_payload", "_prefix", "count")
    kind: Final = SetKind.BLOOM

    def __init__(self, salt: str, count: int, payload: memoryview) -> None:
        self.count: Final = count
        self._prefix: Final = f"{salt}:"
        self._payload: Final = payload
        self._bits: Final = len(payload) * 8

    def holds(self, unit: str) -> bool:
        if not self._bits:
            return False
        hashed: int = hash64((self._prefix + unit).encode(), signed=False)[0]
        at, step = hashed & _HALF, hashed >> 32 | 1
        for _ in range(PROBES):
            bit = at % self._bits
            if not self._payload[bit >> 3] >> (bit & 7) & 1:
                return False
            at += step
        return True


def hash_of_unit(salt: str, unit: str) -> int:
    """The unit's unsigned 64-bit hash: the first half of murmur3_x64_128 of ``salt + ":" + unit``."""
    hashed: int = hash64(f"{salt}:{unit}".encode(), signed=False)[0]
    return hashed


def digest_of(body: bytes) -> str:
    """The name of these bytes: SHA-256 in 64 hexadecimal digits."""
    return sha256(body).hexdigest()


def salt_of_set(body: bytes) -> str:
    """What the set's units were hashed with. CodecError: it is no set."""
    return _parts(body)[1]


def write_hashes(salt: str, hashes: Iterable[int]) -> bytes:
    """An exact set of ``hash_of_unit`` under this salt; equal sets are equal bytes."""
    ordered = array("Q", sorted(set(hashes)))
    count = len(ordered)
    if sys.byteorder == "big":
        ordered.byteswap()
    return _head(SetKind.HASHES, salt, count) + ordered.tobytes()


def write_bloom(salt: str, hashes: Iterable[int]) -> bytes:
    """A Bloom filter of ``hash_of_unit`` under this salt; equal sets are equal bytes."""
    distinct = set(hashes)
    payload = bytearray(len(distinct) * BYTES_A_UNIT)
    bits = len(payload) * 8
    for hashed in distinct:
        at, step = hashed & _HALF, hashed >> 32 | 1
        for _ in range(PROBES):
            bit = at % bits
            payload[bit >> 3] |= 1 << (bit & 7)
            at += step
    return seal_bloom(salt, len(distinct), bytes(payload))


def seal_bloom(salt: str, count: int, payload: bytes) -> bytes:
    """A filter of ``count`` units whose bits were set elsewhere, as ``write_bloom`` sets them."""
    return _head(SetKind.BLOOM, salt, count) + payload


def seal_hashes(salt: str, count: int, payload: bytes | memoryview) -> bytes:
    """An exact set of ``count`` hashes put in order elsewhere, as ``write_hashes`` orders them."""
    return _head(SetKind.HASHES, salt, count) + payload


def payload_of(body: bytes) -> memoryview:
    """What comes behind the header of a set. CodecError: it is none."""
    return _parts(body)[3]


def read_units(body: bytes) -> UnitSet:
    """The set these bytes hold. CodecError: damaged, cut short, too long, unsorted or not a unit set."""
    kind, salt, count, payload = _parts(body)
    if kind is SetKind.BLOOM:
        if len(payload) != count * BYTES_A_UNIT:
            raise CodecError("units", f"a filter of {count} units needs {count * BYTES_A_UNIT} bytes")
        return _Bloom(salt, count, payload)
    if len(payload) != count * 8:
        raise CodecError("units", f"a list of {count} units needs {count * 8} bytes, not {len(payload)}")
    hashes = _unsigned(payload)
    if any(left >= right for left, right in pairwise(hashes)):
        raise CodecError("units", "must be in ascending order, each once")
    return _Hashes(salt, count, hashes)


def _parts(body: bytes) -> tuple[SetKind, str, int, memoryview]:
    if len(body) < _HEAD.size:
        raise CodecError("units", "is cut short within its header")
    magic, version, code, salt_bytes, count = _HEAD.unpack_from(body)
    if magic != _MAGIC or version != _VERSION or code not in _KINDS:
        raise CodecError("units", "is no unit set that this version can read")
    start = _HEAD.size + salt_bytes
    if len(body) < start:
        raise CodecError("units", "is cut short within its salt")
    try:
        salt = body[_HEAD.size : start].decode()
    except UnicodeDecodeError as error:
        raise CodecError("units", "has a salt that is not UTF-8") from error
    return _KINDS[code], salt, count, memoryview(body)[start:]


def _unsigned(payload: memoryview) -> Sequence[int]:
    if sys.byteorder == "little":
        return payload.cast("Q")
    swapped = array("Q", payload.tobytes())
    swapped.byteswap()
    return swapped


def _head(kind: SetKind, salt: str, count: int) -> bytes:
    data = salt.encode()
    if len(data) > _MOST_SALT:
        raise CodecError("units", f"a salt has at most {_MOST_SALT} bytes")
    return _HEAD.pack(_MAGIC, _VERSION, _CODES[kind], len(data), count) + data
