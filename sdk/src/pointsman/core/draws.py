"""Draws as Python source: a number for each unit, and edges to compare it with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from pointsman.core.bucketing import BUCKETS
from pointsman.core.hashing import draw_of
from pointsman.core.model import Hashing, Range, Scheme, Span
from pointsman.core.plain import hashable_text

NOT_DRAWN: Final = -1
"""The bucket of an attribute that has none: outside every range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """``source`` gives a number; ``edge`` turns a bucket's lower edge into that number's scale."""

    source: str
    edge: Callable[[int], int]
    may_fail: bool
    """Whether the number may be NOT_DRAWN."""


def threshold(end: int, buckets: int = BUCKETS) -> int:
    """The smallest 32-bit hash whose bucket is not below ``end``; saves the scaling on every call."""
    return -(-(end << 32) // buckets)


def drawn(hashing: Hashing, keep: Callable[[object], str], raw: Callable[[str], str]) -> Drawn:
    """The draw's source. ``raw`` gives the local that holds an attribute as it came."""
    if hashing.attribute is not None:
        source = f"{keep(attribute_draw(hashing))}({raw(hashing.attribute)})"
        return Drawn(source=source, edge=int, may_fail=hashing.scheme is not Scheme.LAUNCHDARKLY)
    if hashing.scheme is not Scheme.POINTSMAN:
        return Drawn(source=f"{keep(draw_of(hashing))}(unit)", edge=int, may_fail=False)
    # There and back: a salt that has no bytes fails here, and never reaches the hash.
    prefix = keep(f"{hashing.seed}:".encode().decode())
    buckets = hashing.buckets
    return Drawn(
        source=f"murmur({prefix} + unit, 0, False)",
        edge=lambda bucket: threshold(bucket, buckets),
        may_fail=False,
    )


def attribute_draw(hashing: Hashing) -> Callable[[Any], int]:
    """The bucket of an attribute's value, whatever it is; NOT_DRAWN where it has none.

    LaunchDarkly gives bucket 0 to what it cannot hash, and hashes empty text, so its scheme does too.
    """
    draw = draw_of(hashing)
    forgiving = hashing.scheme is Scheme.LAUNCHDARKLY

    def bucket(value: Any) -> int:
        text = hashable_text(value)
        if forgiving:
            return 0 if text is None else draw(text)
        return draw(text) if text else NOT_DRAWN

    return bucket


def edges_of(parts: Iterable[Span] | Iterable[Range], edge: Callable[[int], int]) -> tuple[int, ...]:
    """Starts and ends in turn: the numbers within a part are those that bisect to an odd place."""
    return tuple(edge(each) for part in parts for each in (part[0], part[1]))
