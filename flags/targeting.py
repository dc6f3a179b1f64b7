"""From the rules people write to the ranges that serve, and who moves on the way. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from flags.model import FlagState, Targeting
from flags.ranging import Draw, Room, ranged_rule, shared
from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import Range, Rule, Split
from pointsman.core.splits import owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """``buckets`` of 100,000 go from one variant to another."""

    before: str
    after: str
    buckets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleMoves:
    """What changes for the units of one rule: ``moved`` of 100,000 buckets, as ``moves``.

    ``rule`` is None for units that no rule matches (the default variant serves). ``added`` and
    ``removed`` rules are compared with what serves units that match no condition; a rule whose
    conditions changed also wins or loses units, which only their contexts could tell (``eligibility``).
    """

    rule: str | None
    moved: int
    moves: tuple[Move, ...]
    added: bool = False
    removed: bool = False
    eligibility: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetingPreview:
    """Who would move if this targeting were saved, shown before it is (law 1).

    ``serving`` is False where the flag is switched off: nobody moves until it is switched on.
    """

    version: int
    serving: bool
    reordered: bool
    rules: tuple[RuleMoves, ...]

    @property
    def moved(self) -> int:
        """The most buckets that move under any one rule, of 100,000."""
        return max((rule.moved for rule in self.rules), default=0)


def ranged(
    targeting: Targeting,
    stored: tuple[Rule, ...],
    next_rule: int,
    draw: Draw,
    rooms: Mapping[str, Room],
) -> tuple[tuple[Rule, ...], int]:
    """The rules with ranges instead of weights, and the number for the next new rule.

    A rule that is stored already keeps its ranges but for the minimum its new weights demand; a new one
    gets fresh ranges, and an id no rule of this flag ever had. ``rooms`` are the layers, by key. The
    targeting has been validated. Invalid: a layer that is not there or full, too fine weights.
    """
    known = {rule.id: rule for rule in stored}
    taken = {*known, *(draft.id for draft in targeting.rules)}
    rules: list[Rule] = []
    for index, draft in enumerate(targeting.rules):
        rule_id = draft.id
        if not rule_id:
            rule_id, next_rule = _fresh_id(taken, next_rule)
            taken.add(rule_id)
        others = [*rules, *(known[each] for each in later(targeting, index) if each in known)]
        rule = ranged_rule(draft, rule_id, known.get(rule_id), draw, shared(rooms, others), f"rules.{index}")
        rules.append(rule)
    return tuple(rules), next_rule


def later(targeting: Targeting, index: int) -> tuple[str, ...]:
    """The ids of the rules behind one."""
    return tuple(draft.id for draft in targeting.rules[index + 1 :])


def preview(state: FlagState, default: str, after: tuple[Rule, ...]) -> TargetingPreview:
    """Compare a stored state with the rules and default variant that would replace it."""
    old, new = _reachable(state.rules), _reachable(after)
    shared_old = [rule.id for rule in old if rule.id in {each.id for each in new}]
    shared_new = [rule.id for rule in new if rule.id in {each.id for each in old}]
    return TargetingPreview(
        version=state.version,
        serving=state.enabled,
        reordered=shared_old != shared_new,
        rules=tuple(_moves_by_rule(old, state.default, new, default)),
    )


def moves_between(before: Split, after: Split) -> tuple[Move, ...]:
    """Buckets that change hands, by pair of variants, the largest first."""
    edges = sorted({edge for split in (before, after) for part in split for edge in (part.start, part.end)})
    totals: dict[tuple[str, str], int] = {}
    for start, end in pairwise(edges):
        pair = owner(before, start), owner(after, start)
        if pair[0] != pair[1]:
            totals[pair] = totals.get(pair, 0) + end - start
    ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Move(before=old, after=new, buckets=buckets) for (old, new), buckets in ranked)


def _fresh_id(taken: set[str], number: int) -> tuple[str, int]:
    while f"r{number}" in taken:
        number += 1
    return f"r{number}", number + 1


def _reachable(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules up to the first without conditions: nobody gets past that one."""
    for index, rule in enumerate(rules):
        if not rule.conditions:
            return rules[: index + 1]
    return rules


def _everyone(rules: tuple[Rule, ...], default: str) -> tuple[str | None, Split]:
    """The rule that serves units matching no condition, and its split; None: the default variant."""
    if rules and not rules[-1].conditions:
        return rules[-1].id, rules[-1].split
    return None, (Range(0, BUCKETS, default),)


def _moves_by_rule(
    old: tuple[Rule, ...], old_default: str, new: tuple[Rule, ...], new_default: str
) -> Iterator[RuleMoves]:
    was, becomes = {rule.id: rule for rule in old}, {rule.id: rule for rule in new}
    (_, everyone_before), (last, everyone_after) = _everyone(old, old_default), _everyone(new, new_default)
    for rule in new:
        if rule.conditions:
            before = was.get(rule.id)
            moves = moves_between(before.split if before else everyone_before, rule.split)
            changed = before is not None and before.conditions != rule.conditions
            yield _rule_moves(rule.id, moves, added=before is None, eligibility=changed)
    for rule in old:
        if rule.conditions and rule.id not in becomes:
            yield _rule_moves(rule.id, moves_between(rule.split, everyone_after), removed=True)
    same = last is None or last in was
    widened = last in was and bool(was[last].conditions)
    yield _rule_moves(
        last, moves_between(everyone_before, everyone_after), added=not same, eligibility=widened
    )


def _rule_moves(
    rule: str | None,
    moves: tuple[Move, ...],
    *,
    added: bool = False,
    removed: bool = False,
    eligibility: bool = False,
) -> RuleMoves:
    return RuleMoves(
        rule=rule,
        moved=sum(move.buckets for move in moves),
        moves=moves,
        added=added,
        removed=removed,
        eligibility=eligibility,
    )
