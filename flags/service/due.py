"""Scheduled change requests, published when their instant has come: exactly once, by however many workers."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from flags.changes.model import ChangeRequest, ChangeState
from flags.guards import Action, By
from flags.service.approving import apply_change, published, refuse_unapproved
from flags.service.requests import ChangeAt, open_request, save
from flags.storage import changes
from runtime.database import Database
from runtime.errors import Conflict, PointsmanError

_AT_ONCE: Final = 20


def publish_due(database: Database, by: By, now: datetime) -> bool:
    """Publish what is due, each in a transaction of its own; whether more may wait.

    What cannot be published is kept as ``failed`` with the reason.
    """
    with database.reading() as session:
        waiting = changes.due(session, now=now, limit=_AT_ONCE)
    for request in waiting:
        try:
            with database.session() as session:
                _publish(session, replace(by, reason=request.reason), request)
        except Conflict:
            continue  # another worker, or a person, took this request a step further
    return len(waiting) == _AT_ONCE


def _publish(session: Session, by: By, due: ChangeRequest) -> None:
    at = ChangeAt(due.at.project, due.at.environment, due.id)
    environment, request = open_request(session, at, due.version, everywhere=True)
    try:
        with session.begin_nested():
            refuse_unapproved(request, environment)
            apply_change(session, replace(by, approvals=len(request.valid)), request)
    except PointsmanError as error:
        after = replace(request, state=ChangeState.FAILED, publish_at=None, failure=str(error))
        save(session, by, Action.FAIL_CHANGE, request, after, {"failure": str(error)})
    else:
        published(session, by, request)
