"""The worker's step that forgets: deletes the events of units that asked, then the files that held them.

1. A request waits until every batch that was received before it is in the lake, or left out on its way.
2. The unit's rows are counted, then deleted: one commit for each event table, for all requests at once.
3. A later look that finds nothing calls the request cleared.
4. Half a day later one more look; then the files that were replaced go, and with them the name of the unit.

Every part may be repeated: a worker that dies anywhere leaves a request that the next one takes up from
what the tables hold.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import Counter as Metric
from sqlalchemy.orm import Session

from experiments.events.lake import TABLES, Lake, Wanted
from experiments.events.storage import backlog
from flags.forgetting import ForgetRequest
from flags.queries import list_environments, open_forget_requests
from flags.service import forgetting
from runtime.database import Database

# Files that were replaced stay this long: no analysis that has begun to read them takes hours.
KEPT_FOR: Final = timedelta(hours=12)
MOST_AT_ONCE: Final = 200

FORGOTTEN: Final = Metric("pointsman_forgotten_units", "Requests to forget a unit that were worked off")
FORGOTTEN_EVENTS: Final = Metric("pointsman_forgotten_events", "Rows of event tables deleted for them")


def forget_units(database: Database, lake: Lake, now: datetime, *, kept_for: timedelta = KEPT_FOR) -> bool:
    """Take every request that is due one stage on; whether there is more to do at once."""
    with database.reading() as session:
        open_ones = open_forget_requests(session, cleared_before=now - kept_for, limit=MOST_AT_ONCE)
        places = {each.project: _environments(session, each.project) for each in open_ones}
        due = tuple(each for each in open_ones if _arrived(session, places[each.project], each))
    if not due:
        return False
    wanted = _wanted(due, {project: tuple(found.values()) for project, found in places.items()})
    found = _found(lake, wanted, due, places)
    if found:
        with database.session() as session:
            forgetting.note_found(session, found)
        FORGOTTEN_EVENTS.inc(sum(lake.delete_units(table, wanted) for table in TABLES))
        return True
    _advance(database, lake, due, now, kept_for)
    return len(open_ones) == MOST_AT_ONCE


def _advance(
    database: Database, lake: Lake, due: tuple[ForgetRequest, ...], now: datetime, kept_for: timedelta
) -> None:
    """Nothing of these units is in the tables: whoever was cleared before is done once the files are gone."""
    cleared = [each for each in due if each.cleared_at is None]
    done = [each for each in due if each.cleared_at is not None]
    if done:
        for table in TABLES:
            lake.remove_replaced(table, kept_for)
    with database.session() as session:
        forgetting.note_cleared(session, cleared, now=now)
        FORGOTTEN.inc(forgetting.note_done(session, done, now=now))


def _environments(session: Session, project: str) -> dict[int, str]:
    """The project's environments: row ids, and names as the event tables spell them."""
    return {each.id: f"{project}/{each.key}" for each in list_environments(session, project)}


def _arrived(session: Session, environments: dict[int, str], request: ForgetRequest) -> bool:
    """Whether no batch waits any more that was received before the request."""
    oldest = (backlog(session, each).oldest for each in environments)
    return all(at is None or at > request.asked_at for at in oldest)


def _wanted(due: tuple[ForgetRequest, ...], places: dict[str, tuple[str, ...]]) -> tuple[Wanted, ...]:
    units: dict[str, set[str]] = {}
    for each in due:
        units.setdefault(each.project, set()).add(_name(each))
    return tuple(
        Wanted(environments=places[project], units=tuple(sorted(names)))
        for project, names in sorted(units.items())
        if places[project]
    )


def _found(
    lake: Lake,
    wanted: tuple[Wanted, ...],
    due: tuple[ForgetRequest, ...],
    places: dict[str, dict[int, str]],
) -> dict[ForgetRequest, int]:
    """How many rows the tables hold for each request, of those that have any."""
    counts: Counter[tuple[str, str]] = Counter()
    for table in TABLES:
        counts += lake.count_units(table, wanted)
    rows = {
        each: sum(counts[environment, _name(each)] for environment in places[each.project].values())
        for each in due
    }
    return {each: count for each, count in rows.items() if count}


def _name(request: ForgetRequest) -> str:
    assert request.unit is not None  # noqa: S101  (only requests that are done have lost it)
    return request.unit
