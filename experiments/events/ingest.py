"""Taking a batch in. When the caller's transaction commits, the batch is acknowledged (law 4)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from experiments.events import storage
from experiments.events.batch import Batch, judge, unpack
from runtime.database import Database
from runtime.errors import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to a batch; the same whenever the same batch comes again, but for ``duplicate``."""

    batch: str
    duplicate: bool
    results: tuple[str, ...]

    @property
    def accepted(self) -> int:
        """How many events count."""
        return sum(result == "ok" for result in self.results)


def take_in(database: Database, environment_id: int, body: bytes, encoding: str, *, now: datetime) -> Receipt:
    """Store a batch once and acknowledge it. Returns only after the commit.

    Invalid: the body or its envelope, naming the field. Conflict: this batch id came before with other
    content (a client must never reuse an id).
    """
    raw = unpack(body, encoding)
    batch = judge(raw, received_us=int(now.timestamp() * 1_000_000))
    try:
        with database.session() as session:
            return _store(session, environment_id, batch, body, encoding, now)
    except IntegrityError:
        # Two requests raced with the same batch; the other one's commit won, and answers for both.
        with database.session() as session:
            return _store(session, environment_id, batch, body, encoding, now)


def _store(
    session: Session, environment_id: int, batch: Batch, body: bytes, encoding: str, now: datetime
) -> Receipt:
    before = storage.find(session, environment_id, batch.id)
    if before is not None:
        return _again(before, batch)
    storage.add(
        session,
        {
            "environment_id": environment_id,
            "batch": batch.id,
            "digest": batch.digest,
            "received_at": now,
            "events": batch.size,
            "rejected": {str(index): reason for index, reason in batch.rejected.items()},
            "encoding": encoding,
            "body": body,
            "sdk": batch.sdk,
            "instance": batch.instance,
            "dropped": batch.dropped,
        },
    )
    return _receipt(batch.id, batch.size, batch.rejected, duplicate=False)


def _again(before: storage.StoredBatch, batch: Batch) -> Receipt:
    if before.digest != batch.digest:
        theirs = {"received_at": before.received_at.isoformat(), "events": before.events}
        raise BatchReused(batch.id, theirs)
    return _receipt(before.batch, before.events, before.rejected, duplicate=True)


class BatchReused(Conflict):
    """A batch id came a second time with other content."""

    def __init__(self, batch: str, theirs: dict[str, object]) -> None:
        super().__init__(f"batch {batch}", 0, 0, theirs)
        self.args = (f"batch {batch} was received before with other content; every batch needs its own id",)


def _receipt(batch: str, size: int, rejected: dict[int, str], *, duplicate: bool) -> Receipt:
    results = tuple(f"rejected: {rejected[index]}" if index in rejected else "ok" for index in range(size))
    return Receipt(batch=batch, duplicate=duplicate, results=results)
