"""What sticky flags remember of units: those who arrived late, those to be forgotten, and starting afresh."""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from flags import limits
from flags.gates import redrawn
from flags.guards import Action, By
from flags.model import EnvironmentView, FlagState, FlagView, KeptSince
from flags.service.opening import everywhere, flag_conflict, known_flag, open_flag, refuse_archived
from flags.service.publishing import publish, step, trace
from flags.service.sticky import built_set
from flags.storage import assignments, flags, places, states, unit_sets
from pointsman.core.model import Kept
from pointsman.core.unit_sets import digest_of, write_hashes
from runtime.errors import Invalid


def keep_late(session: Session, by: By, project: str, environment: str) -> int:
    """Keep those whom an old epoch enrolled but who arrived after the new one began; entries that changed.

    They come as an exact list beside the epoch's filter: a list that grew must not catch anybody new.
    """
    at = places.environment(session, project, environment, lock=True)
    if at is None:
        return 0
    changed = 0
    for key, state in states.sticky(session, at.id).items():
        flag = known_flag(session, project, key)
        after = replace(state, kept=tuple(_with_late(session, flag, state, each) for each in state.kept))
        if after != state:
            changed += sum(1 for old, new in zip(state.kept, after.kept, strict=True) if old != new)
            published = publish(session, by, Action.KEEP_LATE, [step(flag, flag, state, after)])
            trace(session, by, Action.KEEP_LATE, f"{project}/{environment}/{key}", {"revisions": published})
    return changed


def forget_assignments(session: Session, by: By, project: str, unit: str) -> int:
    """Delete every assignment of a unit in a project, and take it out of the published sets; how many."""
    environments = places.environments(session, project, lock=True)
    gone = assignments.forget_unit(session, project, unit)
    for at in environments:
        _rebuild(session, by, project, at, gone)
    return len(gone)


def rerandomise(
    session: Session, by: By, project: str, flag: str, *, confirm: str, expected_version: int
) -> FlagView:
    """Draw every unit's variant anew: a new salt, and nobody is remembered. Moves units on purpose.

    ``confirm`` must be the flag's key. Invalid, NotFound, Conflict, Locked.
    """
    if confirm != flag:
        raise Invalid("confirm", f"type the flag's key, {flag!r}, to move its units")
    before, found = open_flag(session, project, flag, expected_version)
    refuse_archived(before)
    after = replace(before, salt=_next_salt(before))
    forgotten = {}
    steps = []
    for state in found:
        state_id = states.id_of(session, state.flag_id, state.environment_id)
        forgotten[state.environment] = assignments.forget_flag(session, state_id)
        steps.append(step(before, after, state, _afresh(before, after, state)))
    published = publish(session, by, Action.RERANDOMISE, steps)
    if not flags.change(session, before.id, before.version, {"salt": after.salt}):
        raise flag_conflict(known_flag(session, project, flag), before.version)
    details = {"revisions": published, "forgotten": forgotten}
    trace(session, by, Action.RERANDOMISE, everywhere(before), details)
    return replace(after, version=before.version + 1)


def _with_late(session: Session, flag: FlagView, state: FlagState, since: KeptSince) -> KeptSince:
    kept = since.kept
    state_id = states.id_of(session, state.flag_id, state.environment_id)
    late = list(
        assignments.hashes(session, state_id, _rule_of(kept), kept.ranges, epoch=kept.epoch, after=since.upto)
    )
    if not late:
        return since
    body = write_hashes(flag.salt, late)
    digest = digest_of(body)
    unit_sets.add(session, state.environment_id, digest, body, units=len(late), now=datetime.now(UTC))
    return replace(since, kept=replace(kept, units=(*since.built, digest)))


def _rebuild(session: Session, by: By, project: str, at: EnvironmentView, gone: tuple[int, ...]) -> None:
    for key, state in states.sticky(session, at.id).items():
        if states.id_of(session, state.flag_id, state.environment_id) not in gone:
            continue
        flag = known_flag(session, project, key)
        after = replace(
            state, kept=tuple(_built_anew(session, flag, state, each, by.kept_units) for each in state.kept)
        )
        publish(session, by, Action.FORGET_UNIT, [step(flag, flag, state, after)])


def _built_anew(session: Session, flag: FlagView, state: FlagState, since: KeptSince, most: int) -> KeptSince:
    kept = since.kept
    state_id = states.id_of(session, state.flag_id, state.environment_id)
    upto = assignments.newest(session, state_id)
    hashes = assignments.hashes(session, state_id, _rule_of(kept), kept.ranges, epoch=kept.epoch)
    built = built_set(session, state.environment_id, flag, hashes, most=most)
    return KeptSince(kept=replace(kept, units=built), upto=upto, built=built)


def _rule_of(kept: Kept) -> str:
    return kept.rule.rpartition("@")[0]


def _next_salt(flag: FlagView) -> str:
    """The salt with its number one higher: ``demo/ranker`` → ``demo/ranker#2`` → ``demo/ranker#3``."""
    stem, _, number = flag.salt.rpartition("#")
    if stem and number.isdecimal() and len(number) < 9:
        return f"{stem}#{int(number) + 1}"
    salt = f"{flag.salt}#2"
    if len(salt) > limits.SALT_CHARACTERS:
        raise Invalid("salt", "is too long to be numbered; make a new flag instead")
    return salt


def _afresh(before: FlagView, after: FlagView, state: FlagState) -> FlagState:
    """Nobody is kept, and what was drawn with the old salt is drawn with the new one."""
    rules = tuple(redrawn(rule, before.salt, after.salt) for rule in state.rules)
    return replace(state, rules=rules, kept=(), epoch=state.epoch + 1)
