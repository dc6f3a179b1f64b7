"""One click back: a flag serves again exactly what it served before, or after, any revision (law 11)."""

from dataclasses import fields, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy.orm import Session

from flags.encoding import differences, same_state
from flags.guards import Action, By
from flags.limits import MOST_ROWS
from flags.model import FlagAt, FlagState, FlagView, Revision
from flags.service.catalogue import restore_flag
from flags.service.opening import (
    flag_conflict,
    known_flag,
    open_environment,
    open_project,
    refuse_archived,
    state_conflict,
)
from flags.service.publishing import publish, step, trace
from flags.service.sticky import kept
from flags.service.surroundings import refuse_stranded
from flags.snapshots import read_served
from flags.storage import flags, places, revisions, states
from flags.validation import check_variants, refuse
from pointsman.core.model import Flag
from runtime.errors import Invalid, NotFound

# What a snapshot tells of a state. The rest counts up and never goes back.
_RESTORED: Final = {each.name for each in fields(FlagState)} & {each.name for each in fields(Flag)} - {
    "version",
    "epoch",
    "kept",
}


class Side(StrEnum):
    """Which of a revision's two snapshots is wanted back: undo the change, or return to it."""

    BEFORE = "before"
    AFTER = "after"


def revert_revision(
    session: Session,
    by: By,
    project: str,
    environment: str,
    number: int,
    *,
    expected_version: int,
    side: Side = Side.BEFORE,
) -> FlagState:
    """The flag serves again what it served before the revision (or right after it), bucket by bucket.

    Rules, ranges, switches and payloads come back; payloads do so in every environment. It is itself a
    revision; what serves so already leaves no trace. ``expected_version`` is the state's. NotFound, Conflict,
    Locked. Invalid: the flag was not served then, or others have come to depend on what would go.
    """
    open_project(session, project)
    places.environments(session, project, lock=True)
    wanted = find_revision(session, project, environment, number)
    at = FlagAt(project, environment, wanted.flag)
    snapshot = snapshot_of(wanted, side)
    by = replace(by, reason=reason_of(number, side, by.reason))
    flag = known_flag(session, project, wanted.flag)
    before = states.state(session, flag.id, open_environment(session, project, environment).id)
    if before.version != expected_version:
        raise state_conflict(at, before, expected_version)
    if flag.archived_at is not None and wanted.after is None and side is Side.BEFORE:
        flag = restore_flag(session, by, project, flag.key, expected_version=flag.version)
        before = states.state(session, flag.id, before.environment_id)
    refuse_archived(flag)
    served = read_served(flag.key, snapshot)
    after = replace(before, **{name: getattr(served, name) for name in _RESTORED}, broken="")
    refuse_stranded(session, at, after)
    after = kept(session, by, at, flag, before, after)
    return _save(session, by, at, flag, replace(flag, variants=snapshot["variants"]), before, after, number)


def find_revision(session: Session, project: str, environment: str, number: int) -> Revision:
    """The revision. NotFound."""
    at = places.environment(session, project, environment)
    found = None
    if at is not None and 0 < number <= MOST_ROWS:
        found = revisions.revision(session, at, number)
    if found is None:
        raise NotFound("revision", f"{project}/{environment}/{number}")
    return found


def snapshot_of(revision: Revision, side: Side) -> dict[str, Any]:
    """The flag as it was served then, in wire form. Invalid: it was not."""
    found = revision.before if side is Side.BEFORE else revision.after
    if found is None:
        raise Invalid("revision", f"{side.value} revision {revision.revision} the flag was not served at all")
    return found


def _save(
    session: Session,
    by: By,
    at: FlagAt,
    flag: FlagView,
    wanted: FlagView,
    before: FlagState,
    after: FlagState,
    number: int,
) -> FlagState:
    changed = differences(flag, wanted)
    if not changed and same_state(before, after) and not before.broken:
        return before
    refuse(check_variants(wanted.kind, wanted.variants))
    steps = [step(flag, wanted, before, after)]
    if changed:
        others = states.states_of(session, [flag.id]).get(flag.id, ())
        own = before.environment_id
        steps = [step(flag, wanted, each, after if each.environment_id == own else None) for each in others]
    published = publish(session, by, Action.REVERT_FLAG, steps)
    if changed and not flags.change(session, flag.id, flag.version, {"variants": wanted.variants}):
        raise flag_conflict(known_flag(session, flag.project, flag.key), flag.version)
    details = {"revisions": published, "reverted": number, "changed": changed}
    trace(session, by, Action.REVERT_FLAG, at.path, details)
    return next(each.state for each in steps if each.state.environment_id == before.environment_id)


def reason_of(number: int, side: Side, reason: str) -> str:
    """Why a revert is made, for the history."""
    words = f"revert of revision {number}" if side is Side.BEFORE else f"return to revision {number}"
    return f"{words}: {reason}" if reason else words
