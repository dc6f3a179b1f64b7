"""What a variant or flag leaves behind when it goes: units that kept it, and flags that ask for it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from flags.guards import By
from flags.model import FlagState, FlagView, KeptSince
from flags.payloads import Problem
from flags.references import nodes_of
from flags.service.opening import everywhere
from flags.service.sticky import enrol_waiting
from flags.storage import assignments, states
from flags.validation import refuse
from pointsman.core.model import Serves
from runtime.errors import Locked


def refuse_asked(
    session: Session, flag: FlagView, own: Iterable[FlagState], gone: frozenset[str] | None
) -> None:
    """Locked: another flag asks whether this one serves a variant that goes; None: all of it goes."""
    for state in own:
        asking = states.with_references(session, state.environment_id, "flag")
        for key, other in asking.items():
            for node in nodes_of(other.rules, other.requires):
                if not isinstance(node, Serves) or node.flag != flag.key:
                    continue
                named = set(node.variants) if gone is None else gone & set(node.variants)
                if named:
                    what = ", ".join(sorted(named))
                    raise Locked(
                        everywhere(flag),
                        f"{key!r} in {state.environment!r} asks whether it serves {what}; change that first",
                    )


def without(
    session: Session, by: By, flag: FlagView, state: FlagState, gone: frozenset[str], moves: Mapping[str, str]
) -> FlagState:
    """The state once variants are gone: whoever kept one gets what ``moves`` names, with a line of history.

    InvalidFlag: units keep a variant and nothing says where they go. ``flag`` has its new variants.
    """
    if not gone:
        return state
    enrol_waiting(session, by, flag, state)
    state_id = states.id_of(session, state.flag_id, state.environment_id)
    keepers = assignments.counts(session, state_id)
    refuse(_unsaid(flag, state, gone & keepers.keys(), keepers, moves))
    for variant in sorted(gone & keepers.keys()):
        assignments.replace_variant(
            session,
            state_id,
            variant,
            moves[variant],
            epoch=state.epoch,
            at=datetime.now(UTC),
            by=by.actor,
            reason=by.reason or f"variant {variant} was removed",
        )
    return replace(state, kept=tuple(_renamed(each, gone, moves) for each in state.kept))


def _unsaid(
    flag: FlagView,
    state: FlagState,
    gone: Iterable[str],
    keepers: Mapping[str, int],
    moves: Mapping[str, str],
) -> Iterable[Problem]:
    for variant in sorted(gone):
        if moves.get(variant) not in flag.variants:
            known = ", ".join(flag.variants)
            yield Problem(
                f"moves.{variant}",
                f"{keepers[variant]} units keep it in {state.environment!r}: say which of {known} they get",
            )


def _renamed(each: KeptSince, gone: frozenset[str], moves: Mapping[str, str]) -> KeptSince:
    ranges = tuple(
        # A range nobody was enrolled in needs no variant of its own any more.
        part._replace(variant=moves[part.variant]) if part.variant in gone else part
        for part in each.kept.ranges
        if part.variant not in gone or part.variant in moves
    )
    return replace(each, kept=replace(each.kept, ranges=ranges))
