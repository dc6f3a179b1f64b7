"""Deciding on change requests: approve, reject, publish, schedule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from flags.changes.model import Approval, ChangeRequest, ChangeState
from flags.guards import Action, By
from flags.limits import REASON_CHARACTERS
from flags.model import EnvironmentView, FlagEdit, FlagView
from flags.service.around import apply_around
from flags.service.catalogue import archive_flag, edit_flag, restore_flag
from flags.service.memory import rerandomise
from flags.service.opening import flag_conflict, known_flag, state_conflict
from flags.service.requests import ChangeAt, open_request, refuse_unless, save, settled
from flags.service.restoring import revert_revision
from flags.service.serving import set_enabled, set_targeting
from flags.storage import changes, places, states
from flags.validation import check_reason, refuse
from runtime.actors import ActorKind
from runtime.errors import Forbidden, Invalid, Locked, TooFewApprovals

LATEST: Final = timedelta(days=366)
_READY: Final = (ChangeState.SUBMITTED, ChangeState.APPROVED, ChangeState.SCHEDULED)


def approve_change(session: Session, by: By, at: ChangeAt, *, expected_version: int) -> ChangeRequest:
    """One person's consent to the very draft they saw. NotFound, Conflict.

    Forbidden: no person, or one who wrote any of it. Locked: not submitted, or approved by them already.
    """
    environment, before = open_request(session, at, expected_version)
    refuse_unless(before, ChangeState.SUBMITTED, ChangeState.APPROVED)
    _refuse_writer(by, before)
    refuse(check_reason(by.reason))
    if any(each.actor == by.actor.name for each in before.valid):
        raise Locked(f"change request {before.id}", "you have approved this draft already")
    approval = Approval(actor=by.actor.name, draft=before.draft, note=by.reason, at=datetime.now(UTC))
    changes.approve(session, before, approval)
    after = settled(replace(before, approvals=(*before.approvals, approval)), environment)
    return save(session, by, Action.APPROVE_CHANGE, before, after)


def reject_change(session: Session, by: By, at: ChangeAt, *, expected_version: int) -> ChangeRequest:
    """The request is turned down, with ``by.reason``; an edit reopens it. Who wrote it withdraws instead."""
    _, before = open_request(session, at, expected_version)
    refuse_unless(before, *_READY)
    _refuse_writer(by, before)
    after = replace(before, state=ChangeState.REJECTED, publish_at=None)
    return save(session, by, Action.REJECT_CHANGE, before, after)


def publish_change(session: Session, by: By, at: ChangeAt, *, expected_version: int) -> ChangeRequest:
    """The proposal becomes what serves, checked again against everything as it is now. NotFound.

    ApprovalRequired: too few have approved this draft. Conflict: the request or the flag moved on since;
    rebase it. Invalid, Locked: what the flag's own commands object to.
    """
    environment, before = open_request(session, at, expected_version, everywhere=True)
    refuse_unless(before, *_READY)
    refuse_unapproved(before, environment)
    apply_change(session, replace(by, approvals=len(before.valid)), before)
    return published(session, by, before)


def published(session: Session, by: By, before: ChangeRequest) -> ChangeRequest:
    """The request whose proposal has just been applied, closed."""
    now = places.environment(session, before.at.project, before.at.environment)
    after = replace(
        before,
        state=ChangeState.PUBLISHED,
        publish_at=None,
        published_revision=None if now is None else now.revision,
    )
    return save(session, by, Action.PUBLISH_CHANGE, before, after, {"revision": after.published_revision})


def schedule_change(
    session: Session, by: By, at: ChangeAt, *, publish_at: datetime, expected_version: int
) -> ChangeRequest:
    """The worker will publish the approved request at this instant, or say why it could not.

    Invalid: not in the coming year. NotFound, Conflict, ApprovalRequired, Locked.
    """
    now = datetime.now(UTC)
    if not now < publish_at <= now + LATEST:
        raise Invalid("publish_at", f"must be later than now and within {LATEST.days} days")
    environment, before = open_request(session, at, expected_version)
    refuse_unless(before, *_READY)
    refuse_unapproved(before, environment)
    after = replace(before, state=ChangeState.SCHEDULED, publish_at=publish_at)
    details = {"publish_at": publish_at.astimezone(UTC).isoformat()}
    return save(session, by, Action.SCHEDULE_CHANGE, before, after, details)


def unschedule_change(session: Session, by: By, at: ChangeAt, *, expected_version: int) -> ChangeRequest:
    """It waits for a person again; its approvals stay. NotFound, Conflict, Locked."""
    _, before = open_request(session, at, expected_version)
    refuse_unless(before, ChangeState.SCHEDULED)
    after = replace(before, state=ChangeState.APPROVED, publish_at=None)
    return save(session, by, Action.UNSCHEDULE_CHANGE, before, after)


def refuse_unapproved(request: ChangeRequest, environment: EnvironmentView) -> None:
    """ApprovalRequired: fewer people than the environment asks for have approved this draft."""
    if len(request.valid) < environment.required_approvers:
        raise TooFewApprovals(request.id, len(request.valid), environment.required_approvers)


def apply_change(session: Session, by: By, request: ChangeRequest) -> None:
    """Do what is proposed by the flag's own commands, with ``by.approvals`` behind it."""
    words = f"change request {request.id}" + (f": {request.reason}" if request.reason else "")
    by = replace(by, reason=words[:REASON_CHARACTERS])
    at, proposal = request.at, request.proposal
    if not request.of_flag:
        apply_around(session, by, request)
        return
    flag = known_flag(session, at.project, at.flag)
    if proposal.rerandomise is not None:
        rerandomise(session, by, at.project, at.flag, confirm=at.flag, expected_version=request.base_flag)
    elif proposal.archived is not None:
        command = archive_flag if proposal.archived else restore_flag
        command(session, by, at.project, at.flag, expected_version=request.base_flag)
    elif proposal.revert is not None:
        revert_revision(
            session,
            by,
            at.project,
            at.environment,
            proposal.revert,
            expected_version=request.base_state,
        )
    else:
        _refuse_moved(session, request, flag)
        _serve(session, by, request, flag)


def _serve(session: Session, by: By, request: ChangeRequest, flag: FlagView) -> None:
    at, proposal = request.at, request.proposal
    if proposal.variants is not None or proposal.sticky is not None or proposal.unit_type is not None:
        _set_nature(session, by, request)
    if proposal.variants is not None:
        # New variants before the rules that serve them, removed ones after the rules that served them.
        _set_variants(session, by, request, {**proposal.variants, **_missing(flag, request)})
    if proposal.targeting is not None:
        version = _state_version(session, request)
        set_targeting(session, by, at, proposal.targeting, expected_version=version)
    if proposal.variants is not None:
        _set_variants(session, by, request, dict(proposal.variants))
    if proposal.enabled is not None:
        version = _state_version(session, request)
        set_enabled(session, by, at, enabled=proposal.enabled, expected_version=version)


def _set_nature(session: Session, by: By, request: ChangeRequest) -> None:
    """Whether the flag is sticky, and its units: before rules that build on it."""
    at, proposal = request.at, request.proposal
    edit = FlagEdit(sticky=proposal.sticky, unit_type=proposal.unit_type)
    version = known_flag(session, at.project, at.flag).version
    edit_flag(session, by, at.project, at.flag, edit, expected_version=version)


def _missing(flag: FlagView, request: ChangeRequest) -> dict[str, object]:
    wanted = request.proposal.variants or {}
    return {name: payload for name, payload in flag.variants.items() if name not in wanted}


def _set_variants(session: Session, by: By, request: ChangeRequest, variants: dict[str, object]) -> None:
    at = request.at
    version = known_flag(session, at.project, at.flag).version
    moves = dict(request.proposal.moves or {})
    gone = known_flag(session, at.project, at.flag).variants.keys() - variants.keys()
    edit = FlagEdit(
        variants=variants,  # type: ignore[arg-type]
        moves={name: to for name, to in moves.items() if name in gone},
    )
    edit_flag(session, by, at.project, at.flag, edit, expected_version=version)


def _state_version(session: Session, request: ChangeRequest) -> int:
    at = request.at
    environment = places.environment(session, at.project, at.environment)
    assert environment is not None  # noqa: S101  (it is locked)
    return states.state(session, known_flag(session, at.project, at.flag).id, environment.id).version


def _refuse_moved(session: Session, request: ChangeRequest, flag: FlagView) -> None:
    """Conflict: the flag is not what the proposal was written against."""
    proposal = request.proposal
    everywhere = (proposal.variants, proposal.sticky, proposal.unit_type)
    if any(each is not None for each in everywhere) and flag.version != request.base_flag:
        raise flag_conflict(flag, request.base_flag)
    if _state_version(session, request) != request.base_state:
        environment = places.environment(session, request.at.project, request.at.environment)
        assert environment is not None  # noqa: S101  (it is locked)
        now = states.state(session, flag.id, environment.id)
        raise state_conflict(request.at, now, request.base_state)


def _refuse_writer(by: By, request: ChangeRequest) -> None:
    if by.actor.kind is not ActorKind.PERSON:
        raise Forbidden("only people decide on change requests, signed in by themselves")
    if str(by.actor) in request.writers:
        raise Forbidden("who wrote a change request cannot decide on it; ask somebody else")
