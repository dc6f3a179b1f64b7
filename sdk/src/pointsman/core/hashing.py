"""From a unit to a bucket, by every published scheme, exactly.

Each vendor compares floating-point shares; here a bucket is the integer that decides those comparisons, so an
imported split moves nobody. Vectors in tests/vectors/schemes.json pin all of it.
"""

from collections.abc import Callable
from hashlib import sha1
from typing import Final, TypeAlias

from mmh3 import hash as murmur3_x86_32

from pointsman.core.model import Hashing, Scheme

Draw: TypeAlias = Callable[[str], int]
"""The bucket of a unit's text. UnicodeEncodeError: a lone surrogate."""

MOST_BUCKETS: Final = 2**31 - 1
FIXED_BUCKETS: Final = {
    Scheme.GROWTHBOOK_V1: 1_000,
    Scheme.GROWTHBOOK_V2: 10_000,
    Scheme.UNLEASH: 100,
    Scheme.LAUNCHDARKLY: 100_000,
}
"""Schemes whose vendor knows one number of buckets only."""

# Unleash draws variants with a seed of its own, lest they follow the rollout.
_UNLEASH_VARIANT_SEED: Final = 86_028_157
# The largest number of 15 hexadecimal digits.
_LONG_SCALE: Final = float(0xFFFFFFFFFFFFFFF)


def bucket_of(hashing: Hashing, unit: str) -> int:
    """The unit's bucket, an integer in ``0..hashing.buckets - 1``. UnicodeEncodeError: a lone surrogate."""
    return draw_of(hashing)(unit)


def draw_of(hashing: Hashing) -> Draw:
    """The function from unit to bucket, with whatever can be known beforehand known."""
    return _DRAWS[hashing.scheme](hashing.seed, hashing.buckets)


def fnv1a32(text: str) -> int:
    """FNV-1a of 32 bits over UTF-16 code units, as JavaScript's ``charCodeAt`` sees text."""
    state = 0x811C9DC5
    data = text.encode("utf-16-le")
    for low, high in zip(data[::2], data[1::2], strict=True):
        state = ((state ^ (low | high << 8)) * 0x01000193) & 0xFFFFFFFF
    return state


def _pointsman(seed: str, buckets: int) -> Draw:
    prefix = f"{seed}:"
    return lambda unit: (murmur3_x86_32((prefix + unit).encode(), 0, False) * buckets) >> 32


def _growthbook_v1(seed: str, buckets: int) -> Draw:
    return lambda unit: fnv1a32(unit + seed) % buckets


def _growthbook_v2(seed: str, buckets: int) -> Draw:
    return lambda unit: fnv1a32(str(fnv1a32(seed + unit))) % buckets


def _unleash(seed: str, buckets: int) -> Draw:
    # Unleash counts from 1: its n is the bucket n - 1, and "n <= percentage" is "bucket < percentage".
    prefix = f"{seed}:"
    return lambda unit: murmur3_x86_32((prefix + unit).encode(), 0, False) % buckets


def _unleash_variant(seed: str, buckets: int) -> Draw:
    prefix = f"{seed}:"
    return lambda unit: murmur3_x86_32((prefix + unit).encode(), _UNLEASH_VARIANT_SEED, False) % buckets


def _launchdarkly(seed: str, buckets: int) -> Draw:
    prefix = f"{seed}."

    def draw(unit: str) -> int:
        digest = sha1((prefix + unit).encode(), usedforsecurity=False).hexdigest()
        share = int(digest[:15], 16) / _LONG_SCALE
        return _floor_of_share(share, buckets)

    return draw


def _floor_of_share(share: float, buckets: int) -> int:
    """The largest bucket whose lower edge, as a float, is not above the share; the last one for 1.0."""
    bucket = min(int(share * buckets), buckets - 1)
    while bucket + 1 < buckets and not share < (bucket + 1) / buckets:
        bucket += 1
    while bucket and share < bucket / buckets:
        bucket -= 1
    return bucket


def _flagd(seed: str, buckets: int) -> Draw:
    return lambda unit: (murmur3_x86_32((seed + unit).encode(), 0, False) * buckets) >> 32


def _flagd_cbor(seed: str, buckets: int) -> Draw:
    return lambda unit: (murmur3_x86_32(_cbor(seed + unit), 0, False) * buckets) >> 32


def _flagd_cbor_pair(seed: str, buckets: int) -> Draw:
    head = b"\x82" + _cbor(seed)  # A list of two.
    return lambda unit: (murmur3_x86_32(head + _cbor(unit), 0, False) * buckets) >> 32


def _cbor(text: str) -> bytes:
    """Text in canonical CBOR. Source: RFC 8949, section 3.1, major type 3."""
    data = text.encode()
    size = len(data)
    if size < 24:
        return bytes((0x60 | size,)) + data
    for lead, width in ((0x78, 1), (0x79, 2), (0x7A, 4)):
        if size < 256**width:
            return bytes((lead,)) + size.to_bytes(width, "big") + data
    return b"\x7b" + size.to_bytes(8, "big") + data


_DRAWS: Final[dict[Scheme, Callable[[str, int], Draw]]] = {
    Scheme.POINTSMAN: _pointsman,
    Scheme.GROWTHBOOK_V1: _growthbook_v1,
    Scheme.GROWTHBOOK_V2: _growthbook_v2,
    Scheme.UNLEASH: _unleash,
    Scheme.UNLEASH_VARIANT: _unleash_variant,
    Scheme.LAUNCHDARKLY: _launchdarkly,
    Scheme.FLAGD: _flagd,
    Scheme.FLAGD_CBOR: _flagd_cbor,
    Scheme.FLAGD_CBOR_PAIR: _flagd_cbor_pair,
}
