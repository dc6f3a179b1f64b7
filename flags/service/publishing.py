"""Writing a change: checked as a whole, passed by every guard, kept as a revision, and audited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from flags import metrics, notices
from flags.guards import Action, By, Change
from flags.model import EnvironmentView, FlagAt, FlagState, FlagView, served
from flags.service.opening import state_conflict
from flags.snapshots import snapshot
from flags.storage import places, revisions, states
from flags.validation import check_reason, check_served, refuse
from pointsman.core.model import Flag
from runtime import audit
from runtime.actors import ActorKind
from runtime.errors import ApprovalRequired


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One environment's share of a command. ``before`` is None for a flag that is new."""

    before: tuple[FlagView, FlagState] | None
    after: tuple[FlagView, FlagState]

    @property
    def state(self) -> FlagState:
        """The state that will be."""
        return self.after[1]

    def change(self, action: Action) -> Change:
        """The step as a guard sees it."""
        flag, state = self.after
        return Change(
            action=action,
            at=FlagAt(flag.project, state.environment, flag.key),
            before=None if self.before is None else served(*self.before),
            after=served(*self.after),
        )


def step(before: FlagView, after: FlagView, state: FlagState, changed: FlagState | None = None) -> Step:
    """A step that moves a stored state to its next version, ``changed`` where something in it changes."""
    return Step(before=(before, state), after=(after, replace(changed or state, version=state.version + 1)))


def publish(session: Session, by: By, action: Action, steps: Sequence[Step]) -> dict[str, int]:
    """Write the steps; the new revision of each environment, by key.

    The caller has locked the environments. InvalidFlag: an SDK could not serve the result (a flag that
    gets switched off is not checked, so that a broken one can be). Locked: a guard objects. Conflict.
    """
    changes = [each.change(action) for each in steps]
    _refuse_unapproved(session, by, steps, changes)
    for change in changes:
        if change.after is not None and not _switches_off(change, change.after):
            refuse(check_served(change.after))
    for change in changes:
        for guard in by.guards:
            guard.check(session, change)
    notices.mark(session)
    return _write(session, by, action, steps, changes) if steps else {}


def publish_other(
    session: Session,
    by: By,
    action: Action,
    at: EnvironmentView,
    *,
    subject: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    free: bool = False,
) -> int:
    """The next revision of a locked environment for what is no flag. The rows are written already.

    ``free``: it changes nobody's answer. ApprovalRequired: it does, and too few people have approved.
    """
    if not free:
        refuse_unapproved(by, at, f"{at.project}/{at.key}/{subject}")
    revision = places.advance(session, [at.id])[at.id]
    entry = revisions.NewRevision(
        environment_id=at.id, flag_id=None, subject=subject, revision=revision, before=before, after=after
    )
    revisions.add(session, [entry], _origin(by, action))
    return revision


def refuse_unapproved(by: By, at: EnvironmentView, subject: str) -> None:
    """ApprovalRequired: a person or program changes by themselves what others must approve."""
    if not _acts_at_once(by) and (by.approvals or 0) < at.required_approvers:
        raise ApprovalRequired(subject, at.required_approvers)


def _acts_at_once(by: By) -> bool:
    """Experiments' guards and rollouts must not wait for anybody."""
    return by.actor.kind is ActorKind.SYSTEM and by.approvals is None


def trace(session: Session, by: By, action: Action, subject: str, details: Mapping[str, Any]) -> None:
    """One audit entry for one command. InvalidFlag: the reason is no text for people."""
    refuse(check_reason(by.reason))
    reason = {"reason": by.reason} if by.reason else {}
    audit.record(session, by.actor, action.value, subject, {**details, **reason})
    metrics.count_command(session, action.value)


def _refuse_unapproved(session: Session, by: By, steps: Sequence[Step], changes: Sequence[Change]) -> None:
    """ApprovalRequired: a person or program changes a protected environment directly.

    A new flag is free: it begins switched off. So is whatever a change request does with enough approvals.
    """
    if _acts_at_once(by):
        return
    places_by_id = places.environments_by_id(session, [each.state.environment_id for each in steps])
    for each, change in zip(steps, changes, strict=True):
        if not _is_free(change):
            refuse_unapproved(by, places_by_id[each.state.environment_id], change.at.path)


def _is_free(change: Change) -> bool:
    if change.after is None:
        return False
    if change.action is Action.FORGET_UNIT:
        return True  # A person's right, and nobody else's answer changes.
    is_new_and_off = change.before is None and not change.after.enabled
    return is_new_and_off or _switches_off(change, change.after)


def _switches_off(change: Change, after: Flag) -> bool:
    return change.action is Action.TOGGLE_FLAG and not after.enabled


def _write(
    session: Session, by: By, action: Action, steps: Sequence[Step], changes: Sequence[Change]
) -> dict[str, int]:
    states.add(session, [each.state for each in steps if each.before is None])
    for each, change in zip(steps, changes, strict=True):
        if each.before is not None and not states.change(session, each.before[1], each.state):
            current = states.state(session, each.state.flag_id, each.state.environment_id)
            raise state_conflict(change.at, current, each.before[1].version)
    moved = places.advance(session, [each.state.environment_id for each in steps])
    entries = [
        revisions.NewRevision(
            environment_id=each.state.environment_id,
            flag_id=each.state.flag_id,
            revision=moved[each.state.environment_id],
            before=None if each.before is None else snapshot(change.before, each.before[1]),
            after=snapshot(change.after, each.state),
        )
        for each, change in zip(steps, changes, strict=True)
    ]
    revisions.add(session, entries, _origin(by, action))
    return {each.state.environment: moved[each.state.environment_id] for each in steps}


def _origin(by: By, action: Action) -> revisions.Origin:
    return revisions.Origin(at=datetime.now(UTC), actor=by.actor, action=action.value, reason=by.reason)
