"""Exposures in the inbox, enrolled before a sticky flag's rules change: acknowledged means remembered.

The worker brings the same exposures again when it drains them: that changes nothing, and counts what crossed.
"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy.orm import Session

from experiments.events import storage
from experiments.events.batch import accepted, unpack
from experiments.events.enrolling import AT_ONCE, exposed_of
from flags.service import Exposed, enrol_exposed

# 100,000 exposures take about 4 s; meanwhile nobody else can write on SQLite, who would wait 15 s for it.
MOST_EVENTS: Final = 200_000


class WaitingExposures:
    """What flags.guards.Waiting asks for. Takes the memory of one batch at a time."""

    def __init__(self, most_events: int = MOST_EVENTS) -> None:
        self._most = most_events

    def enrol(self, session: Session, project: str, environment_id: int, flags: frozenset[str]) -> int:
        """Enrol whoever waits for one of these flags; 0, or how many events were too many to look at."""
        events = storage.backlog(session, environment_id).events
        if events > self._most:
            return events
        exposed: list[Exposed] = []
        for each in _exposures(session, environment_id, flags):
            exposed.append(each)
            if len(exposed) == AT_ONCE:
                enrol_exposed(session, project, environment_id, exposed, counts_crossed=False)
                exposed = []
        enrol_exposed(session, project, environment_id, exposed, counts_crossed=False)
        return 0


def _exposures(session: Session, environment_id: int, flags: frozenset[str]) -> Iterator[Exposed]:
    for batch in storage.waiting(session, environment_id):
        if batch.body is None:  # Drained meanwhile: its units are enrolled already.
            continue
        for event in accepted(unpack(batch.body, batch.encoding), batch.rejected).events:
            if event["type"] == "exposure" and event["flag"] in flags:
                yield exposed_of(event)
