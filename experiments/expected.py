"""The shares that the sample-ratio check expects of a rule whose units an earlier split drew in part. PURE.

A newcomer gets the present split's variant, unless its bucket lies in a range that an earlier split had to
leave and the filter of those who were enrolled there takes it for one of them. It is then served as of
the earlier split, and is not counted. What is left of each variant is its expected share. ADR 8.
"""

from collections.abc import Iterable
from itertools import pairwise
from math import fsum

from experiments.model import Plan
from experiments.report import Expected
from flags.earlier import Taken
from pointsman.core.model import Split
from pointsman.core.splits import owner


def expected_of(plan: Plan) -> Expected | None:
    """What to expect of a started experiment; None: the planned split."""
    if plan.earlier is None or not plan.earlier.taken or not plan.ranges:
        return None
    return expected_shares(plan.ranges, plan.earlier.taken)


def expected_shares(split: Split, taken: Iterable[Taken]) -> Expected:
    """Each variant's share of the newcomers that stay countable. All are 0.0 where none stay."""
    parts = tuple(taken)
    left: dict[str, list[float]] = {part.variant: [] for part in split}
    edges = {edge for part in split for edge in (part.start, part.end)}
    edges |= {edge for part in parts for edge in (part.start, part.end)}
    for start, end in pairwise(sorted(edges)):
        left[owner(split, start)].append((end - start) * _stays(parts, start))
    counted = {variant: fsum(pieces) for variant, pieces in left.items()}
    total, buckets = fsum(counted.values()), split[-1].end
    return Expected(
        shares={variant: width / total if total else 0.0 for variant, width in counted.items()},
        taken=1.0 - total / buckets,
    )


def _stays(parts: Iterable[Taken], bucket: int) -> float:
    """The chance that no filter takes a newcomer in this bucket: filters err independently."""
    stays = 1.0
    for part in parts:
        if part.start <= bucket < part.end:
            stays *= 1.0 - part.share
    return stays
