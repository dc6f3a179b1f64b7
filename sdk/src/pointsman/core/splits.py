"""Splits as bucket ranges, and re-weighting that moves the arithmetic minimum of units (law 1)."""

from collections.abc import Mapping
from itertools import pairwise

from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import Range, Split
from pointsman.errors import SplitError

__all__ = [
    "SplitError",
    "check_split",
    "even_weights",
    "moved",
    "owner",
    "reweight",
    "split_of",
    "weights_of",
]


def even_weights(variants: list[str], *, buckets: int = BUCKETS) -> dict[str, int]:
    """Weights in buckets, as equal as integers allow; the first variants get the odd buckets.

    SplitError: no variants, or one named twice.
    """
    if not variants or len(set(variants)) != len(variants):
        raise SplitError("an even split needs variants, each named once")
    share, odd = divmod(buckets, len(variants))
    return {name: share + (index < odd) for index, name in enumerate(variants)}


def split_of(weights: Mapping[str, int], *, buckets: int = BUCKETS) -> Split:
    """A fresh split: ranges in the order of ``weights``, which are in buckets and sum to ``buckets``."""
    _check_weights(weights, buckets)
    ranges, start = [], 0
    for variant, weight in weights.items():
        if weight:
            ranges.append(Range(start, start + weight, variant))
            start += weight
    return tuple(ranges)


def weights_of(split: Split) -> dict[str, int]:
    """Buckets held by each variant, in order of first appearance."""
    weights: dict[str, int] = {}
    for start, end, variant in split:
        weights[variant] = weights.get(variant, 0) + end - start
    return weights


def check_split(split: Split, buckets: int = BUCKETS) -> None:
    """SplitError unless the ranges are ordered, contiguous and cover ``0..buckets`` exactly."""
    if not split:
        raise SplitError("a split needs at least one range")
    if split[0].start != 0 or split[-1].end != buckets:
        raise SplitError(f"a split must cover buckets 0 to {buckets}")
    if any(part.start >= part.end for part in split):
        raise SplitError("every range must hold at least one bucket")
    if any(left.end != right.start for left, right in pairwise(split)):
        raise SplitError("ranges must follow one another without gap or overlap")


def reweight(split: Split, weights: Mapping[str, int], *, buckets: int = BUCKETS) -> Split:
    """The split with new weights in which exactly the sum of the decreases has changed hands.

    Variants that shrink release buckets from the end of their last range; variants that grow take the
    released buckets in order. A variant that keeps its weight keeps every bucket. A variant absent from
    ``weights`` shrinks to nothing. SplitError: weights that do not sum to ``buckets``.
    """
    _check_weights(weights, buckets)
    check_split(split, buckets)
    before = weights_of(split)
    surplus = {name: max(0, held - weights.get(name, 0)) for name, held in before.items()}
    kept, released = _release(split, surplus)
    wanted = [(name, weight - before.get(name, 0)) for name, weight in weights.items()]
    return _merge(kept + _grant(released, [(name, more) for name, more in wanted if more > 0]))


def moved(before: Split, after: Split) -> int:
    """Buckets that change hands between two splits."""
    edges = sorted({edge for split in (before, after) for part in split for edge in part[:2]})
    return sum(end - start for start, end in pairwise(edges) if owner(before, start) != owner(after, start))


def owner(split: Split, bucket: int) -> str:
    """The variant that holds this bucket. SplitError: the split does not cover it."""
    for start, end, variant in split:
        if start <= bucket < end:
            return variant
    raise SplitError(f"no range holds bucket {bucket}")


def _check_weights(weights: Mapping[str, int], buckets: int) -> None:
    if any(weight < 0 for weight in weights.values()):
        raise SplitError("a weight cannot be negative")
    total = sum(weights.values())
    if total != buckets:
        raise SplitError(f"weights must sum to {buckets} buckets (100 %), not {total}")


def _release(split: Split, surplus: dict[str, int]) -> tuple[list[Range], list[Range]]:
    kept: list[Range] = []
    released: list[Range] = []
    for start, end, variant in reversed(split):
        cut = min(surplus[variant], end - start)
        surplus[variant] -= cut
        if cut:
            released.append(Range(end - cut, end, variant))
        if end - cut > start:
            kept.append(Range(start, end - cut, variant))
    return kept, released[::-1]


def _grant(released: list[Range], wanted: list[tuple[str, int]]) -> list[Range]:
    granted: list[Range] = []
    queue = list(wanted)
    for part in released:
        start = part.start
        while start < part.end:
            name, more = queue[0]
            take = min(more, part.end - start)
            granted.append(Range(start, start + take, name))
            start += take
            queue[0] = (name, more - take)
            if more == take:
                queue.pop(0)
    return granted


def _merge(parts: list[Range]) -> Split:
    merged: list[Range] = []
    for part in sorted(parts):
        if merged and merged[-1].variant == part.variant:
            merged[-1] = Range(merged[-1].start, part.end, part.variant)
        else:
            merged.append(part)
    return tuple(merged)
