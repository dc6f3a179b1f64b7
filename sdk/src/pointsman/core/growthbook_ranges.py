"""GrowthBook's coverage and weights as ranges, and its ranges as spans of buckets."""

from collections.abc import Sequence
from math import isfinite
from typing import Final

from pointsman.core.model import Span

Share = tuple[float, float]
"""``start <= n < end``, shares of 1."""

_LEAST_SUM: Final = 0.99
_MOST_SUM: Final = 1.01


def bucket_ranges(variations: int, coverage: float, weights: Sequence[float] | None) -> tuple[Share, ...]:
    """Each variation's range, with GrowthBook's own floating-point sums.

    Weights that are not one finite share for each variation, summing to 1 within 0.01, count as equal ones;
    coverage is held within 0..1. Source: the ``getBucketRange`` cases of the SDKs' public suite.
    """
    coverage = min(1.0, max(0.0, coverage))
    shares = weights if weights is not None and _are_usable(weights, variations) else _equal(variations)
    ranges: list[Share] = []
    start = 0.0
    for share in shares:
        ranges.append((start, start + coverage * share))
        start += share
    return tuple(ranges)


def span_of(share: Share, buckets: int) -> Span | None:
    """The buckets ``n`` for which ``start <= n / buckets < end`` as floats compare; None: not one."""
    start, end = (_first_not_below(edge, buckets) for edge in share)
    return Span(start, end) if start < end else None


def _first_not_below(edge: float, buckets: int) -> int:
    """The smallest bucket whose share is not below the edge; ``buckets`` where there is none."""
    if edge >= 1:
        return buckets
    bucket = max(0, int(edge * buckets) - 1)
    while bucket < buckets and bucket / buckets < edge:
        bucket += 1
    return bucket


def _equal(variations: int) -> list[float]:
    return [1 / variations] * variations if variations > 0 else []


def _are_usable(weights: Sequence[float], variations: int) -> bool:
    if len(weights) != variations or not all(isfinite(weight) and weight >= 0 for weight in weights):
        return False
    return _LEAST_SUM <= sum(weights) <= _MOST_SUM
