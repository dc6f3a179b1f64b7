"""From the inbox to the lake, exactly once whatever dies when.

1. One transaction binds waiting batches to a numbered drain.
2. Each event table gets the drain's rows in one commit that remembers the number; a table that has
   it already is skipped.
3. One transaction finishes the drain and forgets the bodies.

A worker that dies between any two steps leaves an unfinished drain, which the next worker repeats with
the same batches under the same number.

A database restored from a backup older than the lake would count again from where it was then, and the lake
would take new drains for old ones. So before a drain is opened its number is compared with the lake's: a lake
that is ahead makes the database write under a new name from then on, and batches from before that moment
are looked up in the lake first.
"""

import logging
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session

from experiments.events import instances, storage
from experiments.events.batch import Content, accepted, unpack
from experiments.events.enrolling import Enrolling
from experiments.events.forgotten import Forgotten
from experiments.events.lake import TABLES, Lake
from experiments.events.tally import Tally
from runtime.database import Database

if TYPE_CHECKING:
    from experiments.events.columns import Row

MOST_BATCHES: Final = 200

log = logging.getLogger("pointsman.events")

EnvironmentName = Callable[[int], str]
"""From an environment's row id to ``project/environment``, as the event tables spell it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Who hears of a drain's batches and events on their way."""

    tally: Tally
    enrolling: Enrolling
    senders: instances.Senders

    def begin(self, batch: storage.StoredBatch, content: Content) -> None:
        """A batch comes; its events follow."""
        self.tally.add_evaluations(batch.environment_id, content.evaluations, batch.received_at)
        self.senders.hear(batch.batch, content)

    def add(self, environment_id: int, event: dict[str, Any]) -> None:
        """One of its events."""
        self.tally.add(environment_id, event)
        self.enrolling.add(environment_id, event)


def drain_once(database: Database, lake: Lake, name_of: EnvironmentName, *, now: datetime) -> int:
    """Bring one drain's worth of batches into the lake; the number of events, 0 when nothing waited."""
    with database.session() as session:
        drain = storage.unfinished_drain(session) or _open(session, lake, now)
    if drain is None:
        return 0
    with database.reading() as session:
        batches = storage.batches_of(session, drain)
    listening = Listening(
        tally=Tally(),
        enrolling=Enrolling.among(database, {batch.environment_id for batch in batches}),
        senders=instances.Senders(),
    )
    events = _rows(batches, name_of, listening, Forgotten.among(database, batches))
    _write(lake, drain, batches, events)
    listening.enrolling.write(database, name_of)
    with database.session() as session:
        if storage.finish_drain(session, drain, now=now):
            instances.note(session, batches, listening.senders)
            listening.tally.write(session)
    return drain.events


def _open(session: Session, lake: Lake, now: datetime) -> storage.Drain | None:
    number, writer = storage.next_drain(session)
    if writer is not None and any(lake.has(table, writer, number) for table in TABLES):
        log.warning(
            "the lake holds drain %d already, unknown to the database: it was restored from a backup. "
            "Nothing is lost; batches that were waiting then are looked up in the lake first",
            number,
        )
        writer = None
    return storage.open_drain(session, number, writer or uuid.uuid4().hex, most_batches=MOST_BATCHES, now=now)


def _write(
    lake: Lake, drain: storage.Drain, batches: tuple[storage.StoredBatch, ...], events: Iterator["Row"]
) -> None:
    from experiments.events.columns import to_tables

    old = [batch.batch for batch in batches if batch.received_at < drain.writing_since]
    for table, rows in to_tables(events).items():
        if not lake.has(table, drain.writer, drain.number):
            fresh = lake.without_known(table, rows, old)
            if fresh.num_rows:
                lake.append(table, fresh, drain.writer, drain.number)
    # The bodies are about to be forgotten: what was written must survive a power cut first.
    os.sync()


def _rows(
    batches: tuple[storage.StoredBatch, ...],
    name_of: EnvironmentName,
    listening: Listening,
    forgotten: Forgotten,
) -> Iterator["Row"]:
    names = {batch.environment_id: name_of(batch.environment_id) for batch in batches}
    for batch in batches:
        if batch.body is None:  # finished by another worker between our two transactions
            continue
        content = accepted(unpack(batch.body, batch.encoding), batch.rejected)
        listening.begin(batch, content)
        for event in content.events:
            if forgotten.covers(batch, event):
                continue
            listening.add(batch.environment_id, event)
            yield names[batch.environment_id], batch.batch, event
