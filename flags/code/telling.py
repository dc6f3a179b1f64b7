"""A plan as lines for people. Pure."""

from collections.abc import Iterable, Iterator

from flags.code.planning import FlagChange, Plan
from flags.revisions import Difference
from flags.targeting import TargetingPreview
from flags.weights import percent_of_buckets


def lines_of(plan: Plan) -> Iterator[str]:
    """What changes, by flag and environment, and which units move."""
    for subject, found in plan.others:
        yield subject
        yield from _differences(found)
    for change in plan.flags:
        yield " in ".join(filter(None, (change.flag, change.environment)))
        yield from _differences(change.differences)
        yield from (f"  units: {line}" for line in moves_of(change))
    if plan.absent:
        yield f"not in the file: {', '.join(plan.absent)} (archived only with --prune)"
    for environment, count in plan.approvals.items():
        yield f"changes in {environment} need {count} approvals"
    yield from (f"note: {each}" for each in plan.notes)
    yield "Nothing to do." if plan.is_empty else f"Plan {plan.digest}"


def _differences(found: Iterable[Difference]) -> Iterator[str]:
    for each in found:
        if each.before is None:
            yield f"  + {each.field}: {each.after}"
        elif each.after is None:
            yield f"  - {each.field}: {each.before}"
        else:
            yield f"  ~ {each.field}: {each.before} -> {each.after}"


def moves_of(change: FlagChange) -> Iterator[str]:
    """Whose variant changes, in words."""
    told = change.preview
    if told is None:
        return
    for rule in told.rules:
        for move in rule.moves:
            under = "where no rule matches" if rule.rule is None else f"under rule {rule.rule}"
            share = percent_of_buckets(move.buckets)
            yield f"{share:f} % move from {move.before} to {move.after} {under}{_when(told)}"
    changed = [rule.rule for rule in told.rules if rule.eligibility and rule.rule]
    if changed:
        yield f"whom {', '.join(changed)} match changes with their conditions"
    if told.reordered:
        yield "the rules change places, so others may match first"


def _when(told: TargetingPreview) -> str:
    return "" if told.serving else ", once the flag is on"
