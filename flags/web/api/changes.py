"""Change requests: proposed, approved, published now or at an instant."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Literal

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import AwareDatetime, Field, JsonValue, StrictBool, StrictInt, StrictStr
from sqlalchemy.orm import Session

from flags import limits, requests, service
from flags.changes.model import ChangeRequest, ChangeState, Proposal
from flags.guards import By
from flags.model import FlagAt
from flags.queries import MOST_AT_ONCE
from flags.service import approving, drafting
from flags.service.around import proposed_segment
from flags.service.requests import ChangeAt
from flags.web.api.answers import EnvironmentOut, answer
from flags.web.api.blueprint import Address, EnvironmentAt, StateAt, blueprint
from flags.web.api.bodies import Body, NewSegmentIn, Reason, TargetingIn, Version, VersionIn
from flags.web.api.change_answers import ChangeOut, ChangesOut, RehearsedOut
from flags.web.registry import frozen_for
from flags.web.state import by
from runtime.errors import Invalid
from runtime.web.state import state

_TAGS = [Tag(name="changes", description="Change requests and their approvals")]
_CHANGES = "/projects/<project>/environments/<environment>/changes"
_CHANGE = f"{_CHANGES}/<number>"


class ChangePath(EnvironmentAt):
    """One change request."""

    number: Annotated[int, Field(ge=1, le=limits.MOST_ROWS)]

    def at(self) -> ChangeAt:
        """As the service names it."""
        return ChangeAt(self.project, self.environment, self.number)


class ChangesQuery(Address):
    """Which change requests to list."""

    flag: str | None = Field(None, description="Only requests about this flag")
    state: list[ChangeState] = Field(default_factory=list, description="Only in these states")
    limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 50
    offset: Annotated[int, Field(ge=0, le=limits.MOST_ROWS)] = 0


class ProposedSegmentIn(NewSegmentIn):
    """A segment as it should be."""

    reason: Literal[""] = Field("", exclude=True, description="Not here: beside the proposal")


class ProposalIn(Body):
    """What should be; what is left out stays.

    Of a flag; ``archived``, ``revert`` and ``rerandomise`` stand alone. Of the environment, each by itself:
    ``segment``, ``holdout``, ``required_approvers``.
    """

    targeting: TargetingIn | None = None
    enabled: StrictBool | None = None
    variants: dict[StrictStr, JsonValue] | None = None
    sticky: StrictBool | None = None
    unit_type: StrictStr | None = None
    moves: dict[StrictStr, StrictStr] | None = Field(
        None, description="For a variant that goes: which one its sticky units get"
    )
    archived: StrictBool | None = None
    rerandomise: Literal[True] | None = Field(None, description="Draw every unit's variant anew")
    segment: ProposedSegmentIn | None = None
    holdout: StrictInt | None = Field(None, description="In buckets of 100,000")
    required_approvers: StrictInt | None = None
    revert: Annotated[StrictInt, Field(ge=1, le=limits.MOST_ROWS)] | None = Field(
        None, description="The number of a revision to undo"
    )

    def draft(self) -> Proposal:
        """The proposal the service takes, but for a segment. Invalid: weights that are no whole buckets."""
        return Proposal(
            targeting=None if self.targeting is None else self.targeting.draft(),
            enabled=self.enabled,
            variants=self.variants,
            sticky=self.sticky,
            unit_type=self.unit_type,
            moves=self.moves,
            archived=self.archived,
            revert=self.revert,
            rerandomise=self.rerandomise,
            holdout=self.holdout,
            required_approvers=self.required_approvers,
        )


class ChangeIn(Body):
    """A change request to be."""

    proposal: ProposalIn
    reason: Reason = ""
    submit: StrictBool = Field(False, description="Put it before the approvers at once")


class ChangeEditIn(VersionIn):
    """Another proposal; approvals are cancelled."""

    proposal: ProposalIn


class ScheduleIn(VersionIn):
    """When to publish."""

    publish_at: AwareDatetime = Field(description="RFC 3339 with an offset, within a year")


class ApproversIn(Body):
    """How many people must approve a change of this environment."""

    required_approvers: Annotated[StrictInt, Field(ge=0, le=limits.MOST_APPROVERS)]
    expected: Version
    reason: Reason = ""


@blueprint.put(
    "/projects/<project>/environments/<environment>/approvers", tags=_TAGS, responses={200: EnvironmentOut}
)
def set_required_approvers(path: EnvironmentAt, body: ApproversIn) -> Response:
    """How many people must approve a change here; ``expected`` is how many it is now."""
    with state().database.session() as session:
        changed = service.set_required_approvers(
            session,
            by(body.reason),
            path.project,
            path.environment,
            body.required_approvers,
            expected=body.expected,
        )
    return answer(EnvironmentOut.of(changed))


@blueprint.get(_CHANGES, tags=_TAGS, responses={200: ChangesOut})
def list_changes(path: EnvironmentAt, query: ChangesQuery) -> Response:
    """Change requests, the newest first."""
    with state().database.reading() as session:
        page = requests.list_changes(
            session,
            path.project,
            path.environment,
            states=query.state,
            flag=query.flag,
            limit=query.limit,
            offset=query.offset,
        )
    return answer(ChangesOut.of(page))


@blueprint.post(
    "/projects/<project>/flags/<flag>/environments/<environment>/changes",
    tags=_TAGS,
    responses={201: ChangeOut},
)
def create_change(path: StateAt, body: ChangeIn) -> Response:
    """Propose a change of a flag in one environment."""
    if body.proposal.segment is not None:
        raise Invalid("proposal.segment", "is no change of a flag; propose it to the environment")
    proposal = _frozen(body.proposal.draft(), path.project, path.flag)
    at = FlagAt(path.project, path.environment, path.flag)
    with state().database.session() as session:
        made = drafting.create_change(session, by(body.reason), at, proposal)
        if body.submit:
            where = ChangeAt(path.project, path.environment, made.id)
            made = drafting.submit_change(session, by(), where, expected_version=made.version)
    return answer(ChangeOut.of(made), 201)


@blueprint.post(_CHANGES, tags=_TAGS, responses={201: ChangeOut})
def create_change_around(path: EnvironmentAt, body: ChangeIn) -> Response:
    """Propose a change of what is no flag: a segment, the holdout, how many people must approve."""
    with state().database.session() as session:
        proposal = _drafted(session, path.project, path.environment, body.proposal)
        made = drafting.create_change_around(
            session, by(body.reason), path.project, path.environment, proposal
        )
        if body.submit:
            where = ChangeAt(path.project, path.environment, made.id)
            made = drafting.submit_change(session, by(), where, expected_version=made.version)
    return answer(ChangeOut.of(made), 201)


@blueprint.get(_CHANGE, tags=_TAGS, responses={200: ChangeOut})
def get_change(path: ChangePath) -> Response:
    """One change request."""
    with state().database.reading() as session:
        return answer(ChangeOut.of(requests.get_change(session, path.at())))


@blueprint.get(f"{_CHANGE}/rehearsal", tags=_TAGS, responses={200: RehearsedOut})
def rehearse_change(path: ChangePath) -> Response:
    """What publishing it now would change, or why it would be refused; nothing is written."""
    with state().database.rehearsing() as session:
        request = requests.get_change(session, path.at())
        return answer(RehearsedOut.of(requests.rehearse(session, by(), request)))


@blueprint.put(_CHANGE, tags=_TAGS, responses={200: ChangeOut})
def edit_change(path: ChangePath, body: ChangeEditIn) -> Response:
    """Replace what is proposed and why; every approval is cancelled."""
    with state().database.reading() as session:
        flag = requests.get_change(session, path.at()).at.flag
    frozen = _frozen(body.proposal.draft(), path.project, flag)
    with state().database.session() as session:
        proposal = _drafted(session, path.project, path.environment, body.proposal, frozen)
        changed = drafting.edit_change(
            session, by(body.reason), path.at(), proposal, expected_version=body.expected_version
        )
    return answer(ChangeOut.of(changed))


@blueprint.post(f"{_CHANGE}/submit", tags=_TAGS, responses={200: ChangeOut})
def submit_change(path: ChangePath, body: VersionIn) -> Response:
    """Put a draft before the approvers."""
    return _step(path, body, drafting.submit_change)


@blueprint.post(f"{_CHANGE}/approve", tags=_TAGS, responses={200: ChangeOut})
def approve_change(path: ChangePath, body: VersionIn) -> Response:
    """Consent to the draft of this version; for signed-in people who wrote none of it."""
    return _step(path, body, approving.approve_change)


@blueprint.post(f"{_CHANGE}/reject", tags=_TAGS, responses={200: ChangeOut})
def reject_change(path: ChangePath, body: VersionIn) -> Response:
    """Turn it down; for signed-in people who wrote none of it."""
    return _step(path, body, approving.reject_change)


@blueprint.post(f"{_CHANGE}/withdraw", tags=_TAGS, responses={200: ChangeOut})
def withdraw_change(path: ChangePath, body: VersionIn) -> Response:
    """Give it up; for those who wrote it."""
    return _step(path, body, drafting.withdraw_change)


@blueprint.post(f"{_CHANGE}/rebase", tags=_TAGS, responses={200: ChangeOut})
def rebase_change(path: ChangePath, body: VersionIn) -> Response:
    """Propose the same against the flag as it is now; every approval is cancelled."""
    return _step(path, body, drafting.rebase_change)


@blueprint.post(f"{_CHANGE}/publish", tags=_TAGS, responses={200: ChangeOut})
def publish_change(path: ChangePath, body: VersionIn) -> Response:
    """Make it what serves, if enough people have approved and the flag has not moved on."""
    return _step(path, body, approving.publish_change)


@blueprint.post(f"{_CHANGE}/schedule", tags=_TAGS, responses={200: ChangeOut})
def schedule_change(path: ChangePath, body: ScheduleIn) -> Response:
    """Have the worker publish it at an instant."""

    def command(session: Session, by: By, at: ChangeAt, *, expected_version: int) -> ChangeRequest:
        return approving.schedule_change(
            session, by, at, publish_at=body.publish_at, expected_version=expected_version
        )

    return _step(path, body, command)


@blueprint.post(f"{_CHANGE}/unschedule", tags=_TAGS, responses={200: ChangeOut})
def unschedule_change(path: ChangePath, body: VersionIn) -> Response:
    """Take the instant away; approvals stay."""
    return _step(path, body, approving.unschedule_change)


def _drafted(
    session: Session, project: str, environment: str, asked: ProposalIn, rest: Proposal | None = None
) -> Proposal:
    """The whole proposal, a segment's lists kept as sets."""
    rest = asked.draft() if rest is None else rest
    if asked.segment is None:
        return rest
    draft = asked.segment.draft(asked.segment.key)
    return replace(rest, segment=proposed_segment(session, project, environment, draft).segment)


def _frozen(proposal: Proposal, project: str, flag: str) -> Proposal:
    if proposal.variants is None:
        return proposal
    return replace(proposal, variants=frozen_for(project, flag, proposal.variants))


def _step(path: ChangePath, body: VersionIn, command: Callable[..., ChangeRequest]) -> Response:
    with state().database.session() as session:
        changed = command(session, by(body.reason), path.at(), expected_version=body.expected_version)
    return answer(ChangeOut.of(changed))
