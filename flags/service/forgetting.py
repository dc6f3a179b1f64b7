"""Forgetting a unit: assignments at once; events by the worker, which tells here how far it has come."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from flags.entry import unit_problem
from flags.forgetting import ForgetRequest
from flags.guards import Action, By
from flags.service.memory import forget_assignments
from flags.service.publishing import trace
from flags.storage import forgets, places
from runtime.errors import Invalid, NotFound


def forget_unit(session: Session, by: By, project: str, unit: str) -> ForgetRequest:
    """Delete every assignment of a unit in a project, and have the worker delete its events.

    The unit leaves the published sets in the same transaction. The audit entry names it only by a digest,
    for the log is kept for ever. NotFound, Invalid.
    """
    if problem := unit_problem(unit):
        raise Invalid("unit", problem)
    at = places.project(session, project)
    if at is None:
        raise NotFound("project", project)
    gone = forget_assignments(session, by, project, unit)
    # Read after the environments are locked: whoever enrolled the unit before has been waited for.
    request = forgets.add(session, at, unit, by=by.actor, assignments=gone, now=datetime.now(UTC))
    details = {"assignments": gone, "request": request.id}
    trace(session, by, Action.FORGET_UNIT, f"{project}/*/unit:{request.digest}", details)
    return request


def note_found(session: Session, found: Mapping[ForgetRequest, int]) -> None:
    """Keep how many rows of each unit are about to be deleted.

    Deleting and noting are not one transaction: a worker that died in between finds fewer rows or none when
    it looks again, and what was noted first stands.
    """
    for request, rows in found.items():
        forgets.note_found(session, request.id, rows, again=request.cleared_at is not None)


def note_cleared(session: Session, requests: Collection[ForgetRequest], *, now: datetime) -> None:
    """The event tables were searched and hold nothing of these units."""
    for request in requests:
        forgets.note_cleared(session, request.id, now=now)


def note_done(session: Session, requests: Collection[ForgetRequest], *, now: datetime) -> int:
    """The files that held these units are gone: their names go too. How many were not done before."""
    return sum(forgets.note_done(session, request.id, now=now) for request in requests)
