"""Where a unit falls: one pure function of salt and unit.

Changing anything here moves every unit of every flag. Vectors in tests/vectors/bucketing.json pin it.
"""

from typing import Final

from mmh3 import hash as murmur3_x86_32

# 100_000 buckets: the finest split is 0.001 %.
BUCKETS: Final = 100_000


def bucket(salt: str, unit: str) -> int:
    """The unit's bucket under this salt, an integer in 0..99_999.

    murmur3_x86_32 of the UTF-8 bytes of ``salt + ":" + unit`` with seed 0, scaled to the buckets by
    multiplication (no modulo bias). UnicodeEncodeError: a lone surrogate in either text.
    """
    # Bytes, not text: mmh3 5.3 ends the process (SIGSEGV) when handed text with a lone surrogate.
    return (murmur3_x86_32(f"{salt}:{unit}".encode(), 0, False) * BUCKETS) >> 32
