"""Who of a sticky flag's units must be kept when its rules change, worked out from the rules alone. Pure.

A change opens an epoch. For each former rule it says which of its buckets could now be answered otherwise,
with their former owners; the service then looks up who is enrolled there, and the ruleset carries them as a
unit set. Everybody else is answered by the new rules at once, with no network hop.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from pointsman.core.model import Gate, Hashing, Kept, Node, Range, Rule, Split
from pointsman.core.splits import owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Buckets of a former rule whose units the new rules could answer otherwise."""

    rule: str
    conditions: tuple[Node, ...]
    gates: tuple[Gate, ...]
    hashing: Hashing | None
    ranges: tuple[Range, ...]
    """With their former owners."""

    def kept(self, epoch: int, units: tuple[str, ...]) -> Kept:
        """The entry that keeps these units (digests of unit sets) from this epoch on."""
        return Kept(
            # Not the rule's own id: who is kept was not drawn by the split that serves now, and must not be
            # counted with those who were.
            rule=f"{self.rule}@{epoch}",
            epoch=epoch,
            conditions=self.conditions,
            gates=self.gates,
            hashing=self.hashing,
            ranges=self.ranges,
            units=units,
        )


Rules = tuple[Rule, ...]


def leaving(before: Rules, after: Rules) -> tuple[Leaving, ...]:
    """What the change could take from enrolled units, by former rule; empty: it moves nobody."""
    found = []
    for place, rule in enumerate(before):
        ranges = _ranges(before, after, place)
        if ranges:
            found.append(
                Leaving(
                    rule=rule.id,
                    conditions=rule.conditions,
                    gates=rule.gates,
                    hashing=rule.hashing,
                    ranges=ranges,
                )
            )
    return tuple(found)


def moved_ranges(before: Split, after: Split) -> tuple[Range, ...]:
    """Buckets that change hands, with their former owners."""
    edges = sorted({edge for split in (before, after) for part in split for edge in (part.start, part.end)})
    pieces = (
        Range(start, end, owner(before, start))
        for start, end in pairwise(edges)
        if owner(before, start) != owner(after, start)
    )
    return _joined(pieces)


def _ranges(before: Rules, after: Rules, place: int) -> tuple[Range, ...]:
    rule = before[place]
    new_place = next((index for index, each in enumerate(after) if each.id == rule.id), None)
    if new_place is None:
        return rule.split
    stays = after[new_place]
    same_draw = (rule.conditions, rule.window, rule.hashing) == (
        stays.conditions,
        stays.window,
        stays.hashing,
    )
    same_way = _way(before[:place]) == _way(after[:new_place])
    if not (same_draw and same_way and _lets_in(rule, stays)):
        return rule.split
    return moved_ranges(rule.split, stays.split)


def _way(earlier: Rules) -> list[tuple[object, ...]]:
    """What decides who gets past these rules."""
    return [(each.id, each.conditions, each.gates, each.window) for each in earlier]


def _lets_in(rule: Rule, stays: Rule) -> bool:
    """Whether the new gates let everybody in whom the former let in."""
    former = {(gate.kind, gate.name, gate.hashing): gate.spans for gate in rule.gates}
    for gate in stays.gates:
        spans = former.get((gate.kind, gate.name, gate.hashing))
        if spans is None or not all(
            any(s <= start and end <= e for s, e in gate.spans) for start, end in spans
        ):
            return False
    return True


def _joined(pieces: Iterable[Range]) -> tuple[Range, ...]:
    joined: list[Range] = []
    for piece in pieces:
        if joined and joined[-1].end == piece.start and joined[-1].variant == piece.variant:
            joined[-1] = Range(joined[-1].start, piece.end, piece.variant)
        else:
            joined.append(piece)
    return tuple(joined)
