"""Filters of many units, built by numpy: the same bytes as the core's own writer writes, much faster.

A save of a sticky flag's rules waits for its filters, with the environment locked.
"""

from collections.abc import Iterable
from typing import Final

from pointsman.core.unit_sets import BYTES_A_UNIT, PROBES, seal_bloom

_HALF: Final = 0xFFFFFFFF


def write_filter(salt: str, hashes: Iterable[int]) -> bytes:
    """As ``pointsman.core.unit_sets.write_bloom``; takes 24 bytes of memory a unit while it builds."""
    import numpy as np

    ordered = np.sort(np.fromiter(hashes, dtype=np.uint64))
    # Ten times as fast as numpy.unique.
    distinct = ordered[np.append(True, ordered[1:] != ordered[:-1])] if ordered.size else ordered
    bits = distinct.size * BYTES_A_UNIT * 8
    at = distinct & np.uint64(_HALF)
    step = (distinct >> np.uint64(32)) | np.uint64(1)
    found = np.zeros(bits, dtype=np.bool_)
    for _ in range(PROBES if bits else 0):
        found[at % np.uint64(bits)] = True
        at += step
    return seal_bloom(salt, int(distinct.size), np.packbits(found, bitorder="little").tobytes())
