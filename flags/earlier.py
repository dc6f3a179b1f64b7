"""What an earlier split of a sticky flag's rule still decides, for whoever counts the rule's units. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from pointsman.core.model import Kept, Rule
from pointsman.core.unit_sets import UNPUBLISHED


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Of newcomers whose bucket is ``start <= b < end``, the share that the former split keeps.

    ``share`` is in 0..1: how often the epoch's filter takes a newcomer for enrolled, or 1 where there is no
    filter, and whoever comes must be asked for.
    """

    start: int
    end: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierSplit:
    """Units of a rule were drawn by another split before.

    Exposures under a revision below ``revision``, or before ``began`` where theirs is unknown, are of that
    earlier time.
    """

    revision: int
    began: datetime
    taken: tuple[Taken, ...]


def newest_epoch(kept: Iterable[Kept], rule: str) -> int | None:
    """The epoch that the rule's present split began; None: no earlier one is remembered."""
    return max((each.epoch for each in kept if each.rule == f"{rule}@{each.epoch}"), default=None)


def taken(kept: Iterable[Kept], rule: Rule, wrongly_in: Callable[[str], float]) -> tuple[Taken, ...]:
    """What the rule's own former splits take from its newcomers, by the present split's buckets.

    ``wrongly_in``: how often the unit set of this digest takes a newcomer for enrolled. Entries that were
    drawn with another hashing take from every variant alike, so they change no share and are left out.
    """
    return tuple(
        Taken(start=part.start, end=part.end, share=share)
        for each in kept
        if each.rule == f"{rule.id}@{each.epoch}" and each.hashing == rule.hashing
        for share in (_share(each, wrongly_in),)
        if share > 0.0
        for part in each.ranges
    )


def _share(kept: Kept, wrongly_in: Callable[[str], float]) -> float:
    passed = 1.0
    for digest in kept.units:
        passed *= 0.0 if digest == UNPUBLISHED else 1.0 - wrongly_in(digest)
    return 1.0 - passed
