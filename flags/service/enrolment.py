"""Enrolling units of sticky flags: from exposures that arrived, and on explicit request."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from flags import metrics
from flags.assignments import EnrolledBy, Enrolment
from flags.model import FlagState, FlagView
from flags.storage import assignments, flags, places, revisions, states
from pointsman.core.bucketing import bucket
from pointsman.core.choice import Choice, Reason
from pointsman.core.hashing import bucket_of
from pointsman.core.model import Hashing
from pointsman.core.unit_sets import hash_of_unit

_ENROLLING = frozenset({Reason.SPLIT, Reason.TARGETING_MATCH})
_ABOVE_STICKINESS = frozenset({Reason.OFF, Reason.PREREQUISITE, Reason.OVERRIDE, Reason.ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """One exposure of a flag, as far as enrolment needs it. ``revision`` None: unknown."""

    flag: str
    unit: str
    variant: str
    rule: str | None
    revision: int | None
    at: datetime


def sticky_flags(session: Session, environment_id: int) -> frozenset[str]:
    """Keys of the environment's sticky flags: exposures of others need not be looked at."""
    return frozenset(states.sticky(session, environment_id))


def enrol_exposed(session: Session, project: str, environment_id: int, exposed: Iterable[Exposed]) -> int:
    """Remember whom sticky flags served by a rule; how many units were new.

    The first writer wins: who was enrolled before stays with that variant, and an exposure to another is
    counted as crossed over.
    """
    by_flag: dict[str, list[Exposed]] = {}
    for each in exposed:
        if each.rule is not None and "@" not in each.rule:
            by_flag.setdefault(each.flag, []).append(each)
    if not by_flag:
        return 0
    places.hold(session, environment_id)
    found = states.sticky(session, environment_id)
    new = 0
    for key in sorted(by_flag.keys() & found.keys()):
        flag = flags.flag(session, project, key)
        if flag is not None:
            new += _enrol_exposed(session, flag, found[key], by_flag[key])
    return new


def assign(
    session: Session, flag: FlagView, state: FlagState, choices: Sequence[Choice], *, now: datetime
) -> dict[str, str]:
    """The variant each unit keeps, by unit, after enrolling those whom a rule serves for the first time.

    ``choices`` are what the current ruleset answers. Units that nothing enrols (switched off, overridden, the
    default) are absent. Whatever number of processes ask at once, a unit has one answer.
    """
    places.hold(session, state.environment_id)
    state_id = states.id_of(session, state.flag_id, state.environment_id)
    asked = [choice for choice in choices if choice.reason not in _ABOVE_STICKINESS]
    enrolments = [
        _enrolment(flag, state, choice.unit, str(choice.variant), choice.rule or "", state.epoch, now)
        for choice in asked
        if choice.reason in _ENROLLING and choice.rule is not None
    ]
    assignments.enrol(session, state_id, [replace(each, reason=EnrolledBy.RESOLUTION) for each in enrolments])
    return assignments.variants_of(session, state_id, [choice.unit for choice in asked])


def stored_variants(session: Session, state: FlagState, units: Sequence[str]) -> Mapping[str, str]:
    """The variants these units keep, without enrolling anybody."""
    state_id = states.id_of(session, state.flag_id, state.environment_id)
    return assignments.variants_of(session, state_id, units)


def _enrol_exposed(session: Session, flag: FlagView, state: FlagState, exposed: list[Exposed]) -> int:
    state_id = states.id_of(session, state.flag_id, state.environment_id)
    epochs = {
        revision: revisions.epoch_at(session, state.environment_id, flag.id, revision)
        for revision in {each.revision for each in exposed}
        if revision is not None
    }
    first: dict[str, Enrolment] = {}
    for each in sorted(exposed, key=lambda one: one.at):
        epoch = state.epoch if each.revision is None else epochs[each.revision]
        enrolment = _enrolment(flag, state, each.unit, each.variant, each.rule or "", epoch, each.at)
        first.setdefault(each.unit, enrolment)
    new = assignments.enrol(session, state_id, list(first.values()))
    if new < len(first):
        _count_crossed(session, state_id, first)
    return new


def _count_crossed(session: Session, state_id: int, exposed: Mapping[str, Enrolment]) -> None:
    kept = assignments.variants_of(session, state_id, exposed)
    crossed = sum(1 for unit, each in exposed.items() if kept[unit] != each.variant)
    if crossed:
        metrics.count_crossed(session, crossed)


def _enrolment(
    flag: FlagView, state: FlagState, unit: str, variant: str, rule: str, epoch: int, at: datetime
) -> Enrolment:
    return Enrolment(
        unit_type=flag.unit_type,
        unit=unit,
        variant=variant,
        rule=rule,
        epoch=epoch,
        bucket=_bucket(flag, _hashing(state, rule), unit),
        unit_hash=hash_of_unit(flag.salt, unit),
        at=at,
        reason=EnrolledBy.EXPOSURE,
    )


def _hashing(state: FlagState, rule: str) -> Hashing | None:
    return next((each.hashing for each in state.rules if each.id == rule), None)


def _bucket(flag: FlagView, hashing: Hashing | None, unit: str) -> int | None:
    if hashing is None:
        return bucket(flag.salt, unit)
    return None if hashing.attribute is not None else bucket_of(hashing, unit)
