"""The worker's steps on flags: late units, switches that are due, unit sets nobody needs any more."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from flags import queries
from flags.guards import By
from flags.model import EnvironmentView
from flags.service.memory import keep_late
from flags.service.schedules import apply_due_switches
from flags.service.tidying import remove_unused_sets
from runtime.database import Database
from runtime.errors import Conflict

# SDKs that poll slowly may still be at a ruleset that refers to a set; a day is long for any of them.
_KEPT_FOR: Final = timedelta(days=1)


class LateUnits:
    """Keeps units whom an old epoch enrolled after the new one began. Looks only at new enrolments."""

    def __init__(self, database: Database, by: By) -> None:
        self._database = database
        self._by = replace(by, reason="enrolled late", guards=())
        self._seen: int | None = None

    def __call__(self, _now: datetime) -> bool:
        """One look; never more to do at once."""
        with self._database.reading() as session:
            newest = queries.newest_assignment(session)
            everywhere = _all(session)
            late = None if self._seen is None else queries.environments_with_late(session, self._seen)
        for at in everywhere:
            if late is None or at.id in late:  # None: who knows what the last process saw.
                with self._database.session() as session:
                    keep_late(session, self._by, at.project, at.key)
        self._seen = newest
        return False


def apply_switches(database: Database, by: By, now: datetime) -> bool:
    """Write down the switches that are due: SDKs have applied them by their own clocks already."""
    for at in _environments(database):
        with database.reading() as session:
            due = queries.has_due_switches(session, at, int(now.timestamp()))
        if due:
            _apply(database, replace(by, reason="scheduled"), at, now)
    return False


def tidy_unit_sets(database: Database, now: datetime) -> bool:
    """Delete unit sets that no ruleset refers to any more."""
    for at in _environments(database):
        with database.session() as session:
            remove_unused_sets(session, at, before=now - _KEPT_FOR)
    return False


def _apply(database: Database, by: By, at: EnvironmentView, now: datetime) -> None:
    try:
        with database.session() as session:
            apply_due_switches(session, by, at, now=int(now.timestamp()))
    except Conflict:
        return  # somebody changed the flag in the same instant; the next look finds it


def _environments(database: Database) -> tuple[EnvironmentView, ...]:
    with database.reading() as session:
        return _all(session)


def _all(session: Session) -> tuple[EnvironmentView, ...]:
    return tuple(
        environment
        for project in queries.list_projects(session)
        for environment in queries.list_environments(session, project.key)
    )
