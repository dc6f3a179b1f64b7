"""What an export gives: the vendor's document, and what became of every flag."""

from collections.abc import Iterable
from dataclasses import dataclass

from pointsman.core.model import Flag, InSegment, Json, Node, Ruleset

Object = dict[str, Json]


class LeftOut(Exception):
    """A flag means something the vendor's form cannot say; the text says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One flag: carried, or why it is left out."""

    flag: str
    carried: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """``flags`` by key, in the vendor's form, and a line for each flag of the ruleset."""

    flags: Object
    lines: tuple[Carried, ...]


def refuse_sticky(flag: Flag) -> None:
    """LeftOut: what no vendor's form says."""
    if flag.sticky or flag.kept:
        raise LeftOut("is sticky: who is enrolled keeps a variant that no rule tells")


def segment_nodes(ruleset: Ruleset, node: InSegment) -> tuple[Node, ...]:
    """The conditions a segment consists of. LeftOut: it lists units."""
    segment = ruleset.segments[node.segment]
    if segment.included or segment.excluded or not segment.conditions:
        raise LeftOut(f"asks the segment {node.segment!r}, which lists units")
    return segment.conditions


def by_variant(overrides: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Units by the variant they are given."""
    found: dict[str, list[str]] = {}
    for unit, variant in overrides:
        found.setdefault(variant, []).append(unit)
    return found
