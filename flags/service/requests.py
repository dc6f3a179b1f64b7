"""What all commands on change requests share: finding one at the version its reader saw, and saving it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from flags.changes.model import ChangeRequest, ChangeState, Proposal
from flags.guards import Action, By
from flags.limits import MOST_ROWS
from flags.model import EnvironmentView, FlagView
from flags.payloads import Problem
from flags.service.opening import open_environment, open_project
from flags.service.publishing import trace
from flags.storage import changes, places
from flags.validation import check_targeting, check_unit_type, check_variants
from flags.world import World
from runtime.errors import Conflict, Locked, NotFound


@dataclass(frozen=True, slots=True)
class ChangeAt:
    """One change request of an environment."""

    project: str
    environment: str
    number: int

    @property
    def path(self) -> str:
        """For messages: ``demo/prod/changes/7``."""
        return f"{self.project}/{self.environment}/changes/{self.number}"


def open_request(
    session: Session, at: ChangeAt, expected_version: int, *, everywhere: bool = False
) -> tuple[EnvironmentView, ChangeRequest]:
    """The request and its environment, locked (``everywhere``: and all others). NotFound, Conflict."""
    if everywhere:
        open_project(session, at.project)
        places.environments(session, at.project, lock=True)
    environment = open_environment(session, at.project, at.environment)
    found = changes.find(session, environment, at.number) if 0 < at.number <= MOST_ROWS else None
    if found is None:
        raise NotFound("change request", at.path)
    if found.version != expected_version:
        raise request_conflict(found, expected_version)
    return environment, found


def save(
    session: Session,
    by: By,
    action: Action,
    before: ChangeRequest,
    after: ChangeRequest,
    details: dict[str, Any] | None = None,
) -> ChangeRequest:
    """Write the next version and its audit entry. Conflict: somebody was faster."""
    saved = replace(after, version=before.version + 1, changed_at=datetime.now(UTC))
    if not changes.save(session, saved, expected_version=before.version):
        raise request_conflict(before, before.version)
    told = {"state": saved.state.value, "version": saved.version, "draft": saved.draft, **(details or {})}
    trace(session, by, action, saved.path, told)
    return saved


def request_conflict(theirs: ChangeRequest, expected_version: int) -> Conflict:
    """Somebody took the request a step further first."""
    shown = {"state": theirs.state.value, "draft": theirs.draft, "version": theirs.version}
    return Conflict(f"change request {theirs.id}", expected_version, theirs.version, shown)


def refuse_unless(request: ChangeRequest, *states: ChangeState) -> None:
    """Locked: the request is in another state."""
    if request.state not in states:
        raise Locked(f"change request {request.id}", f"it is {request.state.value}")


def settled(request: ChangeRequest, environment: EnvironmentView) -> ChangeRequest:
    """The request, approved if it waits for nobody any more."""
    enough = len(request.valid) >= environment.required_approvers
    if request.state is ChangeState.SUBMITTED and enough:
        return replace(request, state=ChangeState.APPROVED)
    return request


def check_proposal(flag: FlagView, proposal: Proposal, world: World) -> Iterator[Problem]:
    """Whether the proposal makes sense for the flag as it is now; publishing checks everything again."""
    if proposal.subject is not None:
        yield Problem("proposal", "is about no flag; open a request of the environment's")
        return
    alone = {"archived": proposal.archived, "revert": proposal.revert, "rerandomise": proposal.rerandomise}
    standing = [name for name, value in alone.items() if value is not None]
    rest = replace(proposal, archived=None, revert=None, rerandomise=None, moves=None) != Proposal()
    if not standing and not rest:
        yield Problem("proposal", "is empty; propose targeting, enabled, variants, archived, revert, …")
    if len(standing) + rest > 1:
        yield Problem("proposal", f"{standing[0]} stands alone; open another request for the rest")
    if proposal.rerandomise is False:
        yield Problem("proposal.rerandomise", "can only be true")
    if proposal.unit_type is not None:
        yield from check_unit_type(proposal.unit_type)
    variants = flag.variants if proposal.variants is None else proposal.variants
    if proposal.variants is not None:
        yield from check_variants(flag.kind, proposal.variants, flag.schema)
    if proposal.targeting is not None:
        yield from check_targeting(proposal.targeting, flag.key, variants, world)
