"""Requests to forget: written with the deletion of assignments, worked off by the worker."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import Select, case, func, select, update
from sqlalchemy.orm import Session

from flags.forgetting import ForgetRequest, unit_digest
from flags.model import ProjectView
from flags.storage.forget_tables import ForgetRequestRow
from flags.storage.tables import EnvironmentRow, ProjectRow
from runtime.actors import Actor, ActorKind

_REQUESTS: Final = select(ForgetRequestRow, ProjectRow.key).join(ProjectRow)


def add(
    session: Session, project: ProjectView, unit: str, *, by: Actor, assignments: int, now: datetime
) -> ForgetRequest:
    """The new request."""
    row = ForgetRequestRow(
        project_id=project.id,
        unit=unit,
        digest=unit_digest(unit),
        asked_at=now,
        actor_kind=by.kind.value,
        actor=by.name,
        assignments=assignments,
        events=0,
    )
    session.add(row)
    session.flush()
    return _view(row, project.key)


def of_project(
    session: Session, project: str, *, digest: str | None, before: int | None, limit: int
) -> tuple[ForgetRequest, ...]:
    """The project's requests, the newest first; of one unit's digest; older than a row id."""
    query = _REQUESTS.where(ProjectRow.key == project)
    if digest is not None:
        query = query.where(ForgetRequestRow.digest == digest)
    if before is not None:
        query = query.where(ForgetRequestRow.id < before)
    return _views(session, query.order_by(ForgetRequestRow.id.desc()).limit(limit))


def open_requests(session: Session, *, cleared_before: datetime, limit: int) -> tuple[ForgetRequest, ...]:
    """The oldest requests of every project that wait, or were cleared by then and are not done."""
    query = _REQUESTS.where(
        ForgetRequestRow.done_at.is_(None),
        ForgetRequestRow.cleared_at.is_(None) | (ForgetRequestRow.cleared_at <= cleared_before),
    )
    return _views(session, query.order_by(ForgetRequestRow.id).limit(limit))


def waiting(session: Session) -> tuple[int, datetime | None]:
    """How many requests are not done, and when the oldest of them was made."""
    query = select(func.count(), func.min(ForgetRequestRow.asked_at)).where(
        ForgetRequestRow.done_at.is_(None)
    )
    row = session.execute(query).one()
    return row[0], row[1]


def asked_since(
    session: Session, environment_ids: Collection[int], since: datetime
) -> dict[int, dict[str, datetime]]:
    """By environment and digest, when each unit last asked to be forgotten, if not before ``since``."""
    query = (
        select(EnvironmentRow.id, ForgetRequestRow.digest, func.max(ForgetRequestRow.asked_at))
        .join(EnvironmentRow, EnvironmentRow.project_id == ForgetRequestRow.project_id)
        .where(EnvironmentRow.id.in_(list(environment_ids)), ForgetRequestRow.asked_at >= since)
        .group_by(EnvironmentRow.id, ForgetRequestRow.digest)
    )
    found: dict[int, dict[str, datetime]] = {}
    for environment_id, digest, asked_at in session.execute(query):
        found.setdefault(environment_id, {})[digest] = asked_at
    return found


def note_found(session: Session, request_id: int, rows: int, *, again: bool) -> None:
    """``rows`` of the unit are about to be deleted; the request is not cleared any more.

    ``again``: they came after it was cleared, so they add up. Otherwise the most that was ever found counts:
    another worker may have deleted some of them, or this one before it died.
    """
    events = ForgetRequestRow.events
    counted = events + rows if again else case((events < rows, rows), else_=events)
    session.execute(
        update(ForgetRequestRow)
        .where(ForgetRequestRow.id == request_id, ForgetRequestRow.done_at.is_(None))
        .values(events=counted, cleared_at=None)
    )


def note_cleared(session: Session, request_id: int, *, now: datetime) -> None:
    """The event tables were searched and hold nothing of the unit."""
    session.execute(
        update(ForgetRequestRow)
        .where(ForgetRequestRow.id == request_id, ForgetRequestRow.cleared_at.is_(None))
        .values(cleared_at=now)
    )


def note_done(session: Session, request_id: int, *, now: datetime) -> bool:
    """Nothing is left but the digest. False: it was done before."""
    done = session.execute(
        update(ForgetRequestRow)
        .where(ForgetRequestRow.id == request_id, ForgetRequestRow.done_at.is_(None))
        .values(done_at=now, unit=None)
        .returning(ForgetRequestRow.id)
    )
    return done.first() is not None


def _views(session: Session, query: Select[ForgetRequestRow, str]) -> tuple[ForgetRequest, ...]:
    # populate_existing: the worker's own updates go past the session's objects.
    rows = session.execute(query.execution_options(populate_existing=True))
    return tuple(_view(row, project) for row, project in rows)


def _view(row: ForgetRequestRow, project: str) -> ForgetRequest:
    return ForgetRequest(
        id=row.id,
        project=project,
        unit=row.unit,
        digest=row.digest,
        asked_at=row.asked_at,
        by=Actor(ActorKind(row.actor_kind), row.actor),
        assignments=row.assignments,
        events=row.events,
        cleared_at=row.cleared_at,
        done_at=row.done_at,
    )
