"""Enrolling units of sticky flags: from exposures that arrived, and on explicit request."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from flags import metrics
from flags.assignments import EnrolledBy, Enrolment
from flags.forgetting import unit_digest
from flags.model import FlagAt, FlagState, FlagView
from flags.reading import rules_from_json
from flags.service.opening import known_flag
from flags.storage import assignments, flags, forgets, places, revisions, states
from pointsman.core.bucketing import bucket
from pointsman.core.choice import Choice, Reason
from pointsman.core.hashing import bucket_of
from pointsman.core.model import Hashing, Rule
from pointsman.core.splits import owner
from pointsman.core.unit_sets import hash_of_unit
from runtime.errors import NotFound

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
    reason: EnrolledBy = EnrolledBy.EXPOSURE


def sticky_flags(session: Session, environment_id: int) -> frozenset[str]:
    """Keys of the environment's sticky flags: exposures of others need not be looked at."""
    return frozenset(states.sticky(session, environment_id))


def enrol_exposed(
    session: Session,
    project: str,
    environment_id: int,
    exposed: Iterable[Exposed],
    *,
    counts_crossed: bool = True,
) -> int:
    """Remember whom sticky flags served by a rule; how many units were new.

    The first writer wins: who was enrolled before stays with that variant, and an exposure to another is
    counted as crossed over (not ``counts_crossed``: the same exposures will be brought again and count then).
    """
    by_flag: dict[str, list[Exposed]] = {}
    for each in exposed:
        if each.rule is not None and "@" not in each.rule:
            by_flag.setdefault(each.flag, []).append(each)
    if not by_flag:
        return 0
    places.hold(session, environment_id)
    found = states.sticky(session, environment_id)
    forgotten = _forgotten(session, environment_id, by_flag)
    new = 0
    for key in sorted(by_flag.keys() & found.keys()):
        flag = flags.flag(session, project, key)
        if flag is not None:
            wanted = [each for each in by_flag[key] if not forgotten or not _covered(forgotten, each)]
            new += _enrol_exposed(session, flag, found[key], wanted, counts_crossed=counts_crossed)
    return new


def _forgotten(
    session: Session, environment_id: int, exposed: Mapping[str, Sequence[Exposed]]
) -> Mapping[str, datetime]:
    """By digest, when units asked to be forgotten: what they met before enrols nobody.

    Read while the environment is held, for whoever forgets a unit locks it: none slips in between.
    """
    oldest = min(each.at for found in exposed.values() for each in found)
    return forgets.asked_since(session, {environment_id}, oldest).get(environment_id, {})


def _covered(forgotten: Mapping[str, datetime], exposed: Exposed) -> bool:
    asked_at = forgotten.get(unit_digest(exposed.unit))
    return asked_at is not None and exposed.at <= asked_at


def enrols(choice: Choice) -> bool:
    """Whether a unit that got this choice from a sticky flag is remembered with it."""
    return choice.reason in _ENROLLING


def may_be_kept(choice: Choice) -> bool:
    """Whether a stored assignment could serve instead: not above switch, prerequisites and overrides."""
    return choice.reason not in _ABOVE_STICKINESS


def assign(session: Session, at: FlagAt, choices: Sequence[Choice], *, now: datetime) -> dict[str, str]:
    """The variant each unit keeps, by unit, after enrolling those whom a rule serves for the first time.

    ``choices`` are what the current ruleset answers. Units that nothing enrols (switched off, overridden, the
    default) are absent. Whatever number of processes ask at once, a unit has one answer. NotFound.
    """
    flag = known_flag(session, at.project, at.flag)
    environment = places.environment(session, at.project, at.environment)
    if environment is None:
        raise NotFound("environment", f"{at.project}/{at.environment}")
    places.hold(session, environment.id)
    state = states.state(session, flag.id, environment.id)
    asked = [choice for choice in choices if may_be_kept(choice)]
    served = [_served(choice, now) for choice in asked if enrols(choice)]
    if served:
        _enrol_exposed(session, flag, state, served, counts_crossed=True)
    state_id = states.id_of(session, state.flag_id, state.environment_id)
    return assignments.variants_of(session, state_id, [choice.unit for choice in asked])


def _served(choice: Choice, now: datetime) -> Exposed:
    return Exposed(
        flag=choice.flag,
        unit=choice.unit,
        variant=str(choice.variant),
        rule=choice.rule,
        revision=choice.revision,
        at=now,
        reason=EnrolledBy.RESOLUTION,
    )


def _enrol_exposed(
    session: Session, flag: FlagView, state: FlagState, exposed: list[Exposed], *, counts_crossed: bool
) -> int:
    state_id = states.id_of(session, state.flag_id, state.environment_id)
    draws = {each: _draw_at(session, flag, state, each) for each in {one.revision for one in exposed}}
    first: dict[str, Enrolment] = {}
    for each in sorted(exposed, key=lambda one: one.at):
        enrolment = _enrolment(flag, draws[each.revision], each)
        if enrolment is not None:
            first.setdefault(each.unit, enrolment)
    new = assignments.enrol(session, state_id, list(first.values()))
    if new:
        metrics.count_enrolled(session, new)
    if counts_crossed and new < len(exposed):
        _count_crossed(session, state_id, exposed)
    return new


def _count_crossed(session: Session, state_id: int, exposed: list[Exposed]) -> None:
    """Count units that met another variant than the one they keep, or than their bucket ever had."""
    kept = assignments.variants_of(session, state_id, {each.unit for each in exposed})
    crossed = {each.unit for each in exposed if kept.get(each.unit) != each.variant}
    if crossed:
        metrics.count_crossed(session, len(crossed))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draw:
    """How a flag drew its units at some revision."""

    epoch: int
    rules: Mapping[str, Rule]


def _draw_at(session: Session, flag: FlagView, state: FlagState, revision: int | None) -> _Draw:
    """The draw at a revision; at present where it is unknown."""
    served = (
        None if revision is None else revisions.served_at(session, state.environment_id, flag.id, revision)
    )
    if served is None:
        return _Draw(epoch=state.epoch, rules={rule.id: rule for rule in state.rules})
    rules = rules_from_json(served["rules"])
    return _Draw(epoch=served.get("epoch", 0), rules={rule.id: rule for rule in rules})


def _enrolment(flag: FlagView, draw: _Draw, exposed: Exposed) -> Enrolment | None:
    """What is to be remembered; None: that rule never gave this unit this variant.

    An application may log anything. What its own evaluation could not have said would be remembered in vain:
    SDKs answer from buckets, and would go on giving the unit its bucket's variant.
    """
    rule = draw.rules.get(exposed.rule or "")
    if rule is None:
        return None
    drawn = _bucket(flag, rule.hashing, exposed.unit)
    if drawn is not None and owner(rule.split, drawn) != exposed.variant:
        return None
    return Enrolment(
        unit_type=flag.unit_type,
        unit=exposed.unit,
        variant=exposed.variant,
        rule=rule.id,
        epoch=draw.epoch,
        bucket=drawn,
        unit_hash=hash_of_unit(flag.salt, exposed.unit),
        at=exposed.at,
        reason=exposed.reason,
    )


def _bucket(flag: FlagView, hashing: Hashing | None, unit: str) -> int | None:
    if hashing is None:
        return bucket(flag.salt, unit)
    return None if hashing.attribute is not None else bucket_of(hashing, unit)
