"""Writing change requests: propose, edit, submit, rebase, withdraw. Nothing here touches a ruleset."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from flags.changes.encoding import proposal_to_json
from flags.changes.model import OPEN, OVER, ChangeRequest, ChangeState, Proposal
from flags.guards import Action, By
from flags.limits import OPEN_CHANGES_PER_ENVIRONMENT
from flags.model import EnvironmentView, FlagAt, FlagView
from flags.references import proposed_nodes
from flags.service.around import base_around, check_around
from flags.service.opening import known_flag, open_environment
from flags.service.publishing import trace
from flags.service.requests import (
    ChangeAt,
    check_proposal,
    open_request,
    refuse_unless,
    save,
    settled,
)
from flags.service.restoring import find_revision
from flags.service.surroundings import world_of
from flags.storage import changes, states
from flags.validation import check_reason, refuse
from runtime.errors import Forbidden, Invalid, Locked

# An edit of what people look at goes back to being looked at; one of a failed request starts over.
_AFTER_EDIT: Final = {
    ChangeState.DRAFT: ChangeState.DRAFT,
    ChangeState.REJECTED: ChangeState.DRAFT,
    ChangeState.FAILED: ChangeState.DRAFT,
    ChangeState.SUBMITTED: ChangeState.SUBMITTED,
    ChangeState.APPROVED: ChangeState.SUBMITTED,
    ChangeState.SCHEDULED: ChangeState.SUBMITTED,
}


def create_change(session: Session, by: By, at: FlagAt, proposal: Proposal) -> ChangeRequest:
    """A draft of a change, against the flag as it stands now; ``by.reason`` says what it is for.

    Invalid: names the field. NotFound. Locked: too many are open.
    """
    environment = open_environment(session, at.project, at.environment)
    flag = known_flag(session, at.project, at.flag)
    _check(session, environment, flag, proposal, by.reason)
    base = states.state(session, flag.id, environment.id).version
    return _added(session, by, at, environment, flag, proposal, base)


def create_change_around(
    session: Session, by: By, project: str, environment: str, proposal: Proposal
) -> ChangeRequest:
    """A draft of a change of what is no flag: a segment, the holdout, the required approvers.

    Invalid: names the field. NotFound. Locked: too many are open.
    """
    at = open_environment(session, project, environment)
    refuse(check_reason(by.reason))
    check_around(session, at, proposal)
    place = FlagAt(project, environment, proposal.subject or "")
    return _added(session, by, place, at, None, proposal, base_around(session, at, proposal))


def _added(
    session: Session,
    by: By,
    at: FlagAt,
    environment: EnvironmentView,
    flag: FlagView | None,
    proposal: Proposal,
    base: int,
) -> ChangeRequest:
    waiting = changes.page(session, environment, states=OPEN, flag=None, limit=0, offset=0).total
    if waiting >= OPEN_CHANGES_PER_ENVIRONMENT:
        raise Locked(at.path, f"{waiting} change requests are open here; publish or withdraw some first")
    now = datetime.now(UTC)
    draft = ChangeRequest(
        id=0,
        at=at,
        state=ChangeState.DRAFT,
        reason=by.reason,
        author=by.actor,
        writers=_writers(by),
        proposal=proposal,
        base_state=base,
        base_flag=0 if flag is None else flag.version,
        draft=1,
        version=1,
        created_at=now,
        changed_at=now,
        publish_at=None,
        published_revision=None,
        failure="",
        approvals=(),
    )
    flag_id = None if flag is None else flag.id
    made = changes.add(session, draft, environment_id=environment.id, flag_id=flag_id)
    trace(session, by, Action.WRITE_CHANGE, made.path, {"state": made.state.value, "draft": 1, "version": 1})
    return made


def edit_change(
    session: Session, by: By, at: ChangeAt, proposal: Proposal, *, expected_version: int
) -> ChangeRequest:
    """Another proposal, or another reason; every approval is cancelled. What changes nothing leaves no trace.

    Invalid, NotFound, Conflict. Locked: it is published or withdrawn.
    """
    environment, before = open_request(session, at, expected_version)
    refuse_unless(before, *_AFTER_EDIT)
    if proposal.subject != before.proposal.subject:
        raise Invalid("proposal", "is about something else; open another request for it")
    if before.of_flag:
        flag = known_flag(session, at.project, before.at.flag)
        _check(session, environment, flag, proposal, by.reason)
    else:
        refuse(check_reason(by.reason))
        check_around(session, environment, proposal)
    if proposal_to_json(before.proposal) == proposal_to_json(proposal) and before.reason == by.reason:
        return before
    writers = tuple(dict.fromkeys((*before.writers, *_writers(by))))
    after = replace(_reopened(before), proposal=proposal, reason=by.reason, writers=writers)
    return save(session, by, Action.WRITE_CHANGE, before, settled(after, environment), _cancelled(before))


def rebase_change(session: Session, by: By, at: ChangeAt, *, expected_version: int) -> ChangeRequest:
    """The same proposal against the flag as it stands now; every approval is cancelled, for it means another
    thing now. NotFound, Conflict, Locked.
    """
    environment, before = open_request(session, at, expected_version)
    refuse_unless(before, *_AFTER_EDIT)
    state, flag = _base(session, environment, before)
    if (before.base_state, before.base_flag) == (state, flag) and not before.failure:
        return before
    after = replace(_reopened(before), base_state=state, base_flag=flag)
    details = _cancelled(before) | {"base_state": state, "base_flag": flag}
    return save(session, by, Action.REBASE_CHANGE, before, settled(after, environment), details)


def submit_change(session: Session, by: By, at: ChangeAt, *, expected_version: int) -> ChangeRequest:
    """The draft is put before the approvers; it is approved at once where none are required."""
    environment, before = open_request(session, at, expected_version)
    refuse_unless(before, ChangeState.DRAFT)
    after = settled(replace(before, state=ChangeState.SUBMITTED), environment)
    return save(session, by, Action.SUBMIT_CHANGE, before, after)


def withdraw_change(session: Session, by: By, at: ChangeAt, *, expected_version: int) -> ChangeRequest:
    """The request is given up, by somebody who wrote it. Forbidden: others reject instead."""
    _, before = open_request(session, at, expected_version)
    refuse_unless(before, *(each for each in ChangeState if each not in OVER))
    if not set(_writers(by)) & set(before.writers):
        raise Forbidden("only who wrote a change request can withdraw it; reject it instead")
    after = replace(before, state=ChangeState.WITHDRAWN, publish_at=None)
    return save(session, by, Action.WITHDRAW_CHANGE, before, after)


def _base(session: Session, environment: EnvironmentView, request: ChangeRequest) -> tuple[int, int]:
    """The versions that are there now."""
    if not request.of_flag:
        return base_around(session, environment, request.proposal), 0
    flag = known_flag(session, request.at.project, request.at.flag)
    return states.state(session, flag.id, environment.id).version, flag.version


def _writers(by: By) -> tuple[str, ...]:
    """Who wrote it: a token, and whoever made the token."""
    return (str(by.actor), by.actor.owner) if by.actor.owner else (str(by.actor),)


def _check(
    session: Session, environment: EnvironmentView, flag: FlagView, proposal: Proposal, reason: str
) -> None:
    refuse(check_reason(reason))
    nodes = [] if proposal.targeting is None else proposed_nodes(proposal.targeting)
    refuse(check_proposal(flag, proposal, world_of(session, environment, nodes)))
    if proposal.revert is not None:
        wanted = find_revision(session, environment.project, environment.key, proposal.revert)
        if wanted.flag != flag.key:
            raise Invalid("revert", f"revision {proposal.revert} is of the flag {wanted.flag!r}")


def _reopened(request: ChangeRequest) -> ChangeRequest:
    """The request with a new draft, for which nobody has approved yet."""
    return replace(
        request,
        state=_AFTER_EDIT[request.state],
        draft=request.draft + 1,
        publish_at=None,
        failure="",
    )


def _cancelled(request: ChangeRequest) -> dict[str, Any]:
    return {"cancelled_approvals": [each.actor for each in request.valid]}
