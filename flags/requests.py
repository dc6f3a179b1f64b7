"""Reads of change requests, and what publishing one would do now."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from flags.changes.model import ChangeRequest, ChangeState
from flags.encoding import served_json
from flags.guards import By
from flags.limits import MOST_APPROVERS, MOST_ROWS
from flags.model import Page, served
from flags.queries import MOST_AT_ONCE, get_environment, get_flag, get_state
from flags.revisions import Difference, differences
from flags.service.approving import apply_change
from flags.service.around import shown_around
from flags.service.requests import ChangeAt
from flags.storage import changes
from pointsman.core.model import Json
from runtime.errors import Conflict, NotFound, PointsmanError


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What publishing a request now would change; ``problem``: why it would be refused.

    ``moved_on``: the flag changed since the request was written, so that it must be rebased first.
    """

    before: dict[str, Json] | None
    after: dict[str, Json] | None
    differences: tuple[Difference, ...]
    problem: str
    moved_on: bool


def get_change(session: Session, at: ChangeAt) -> ChangeRequest:
    """One change request. NotFound."""
    environment = get_environment(session, at.project, at.environment)
    found = changes.find(session, environment, at.number) if 0 < at.number <= MOST_ROWS else None
    if found is None:
        raise NotFound("change request", at.path)
    return found


def list_changes(
    session: Session,
    project: str,
    environment: str,
    *,
    states: Collection[ChangeState] = (),
    flag: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> Page[ChangeRequest]:
    """An environment's change requests, the newest first. NotFound (the environment, the flag)."""
    at = get_environment(session, project, environment)
    if flag is not None:
        get_flag(session, project, flag)
    return changes.page(
        session,
        at,
        states=states,
        flag=flag,
        limit=max(0, min(limit, MOST_AT_ONCE)),
        offset=max(0, min(offset, MOST_ROWS)),
    )


def rehearse(session: Session, by: By, request: ChangeRequest) -> Rehearsal:
    """Do what the request proposes, look at it, and take it back; the session must be a rehearsal's."""
    before = _shown(session, request)
    problem, moved_on = "", False
    nested = session.begin_nested()
    try:
        # Whether enough people have approved is shown by itself.
        apply_change(session, replace(by, reason="", approvals=MOST_APPROVERS), request)
        after = _shown(session, request)
    except PointsmanError as error:
        problem, moved_on, after = str(error), isinstance(error, Conflict), before
    finally:
        nested.rollback()
    return Rehearsal(
        before=before,
        after=after,
        differences=differences(before, after),
        problem=problem,
        moved_on=moved_on,
    )


def _shown(session: Session, request: ChangeRequest) -> dict[str, Json] | None:
    at = request.at
    if not request.of_flag:
        return shown_around(session, get_environment(session, at.project, at.environment), request.proposal)
    return served_json(served(get_flag(session, at.project, at.flag).flag, get_state(session, at)))
