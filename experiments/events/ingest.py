"""Taking a batch in. When the caller's transaction commits, the batch is acknowledged (law 4)."""

from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Final

from sqlalchemy.exc import IntegrityError

from experiments.events import storage
from experiments.events.batch import Batch, judge, unpack
from runtime.database import Database
from runtime.errors import Conflict

# Unpacked and parsed, a batch takes 30 MB at worst, and one thread at a time can work on it anyway.
_JUDGING: Final = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to a batch; the same whenever the same batch comes again, but for ``duplicate``."""

    batch: str
    duplicate: bool
    accepted: int
    """How many events count."""
    results: tuple[str, ...]


def take_in(database: Database, environment_id: int, body: bytes, encoding: str, *, now: datetime) -> Receipt:
    """Store a batch once and acknowledge it. Returns only after the commit.

    Invalid: the body or its envelope, naming the field. BatchReused: this batch id came before with other
    content (a client must never reuse an id).
    """
    with _JUDGING:
        batch = judge(unpack(body, encoding), received_us=int(now.timestamp() * 1_000_000))
    try:
        with database.session() as session:
            storage.add(session, _row(environment_id, batch, body, encoding, now))
    except IntegrityError:
        # It is there already, from a moment or a month ago; what was stored then answers for both.
        with database.reading() as session:
            before = storage.find(session, environment_id, batch.id)
        if before is None:
            raise
        return _again(before, batch)
    return _receipt(batch.id, batch.size, batch.rejected, duplicate=False)


def _row(environment_id: int, batch: Batch, body: bytes, encoding: str, now: datetime) -> dict[str, Any]:
    return {
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
    }


def _again(before: storage.StoredBatch, batch: Batch) -> Receipt:
    if before.digest != batch.digest:
        raise BatchReused(before)
    return _receipt(before.batch, before.events, before.rejected, duplicate=True)


class BatchReused(Conflict):
    """A batch id came a second time with other content; ``theirs`` is what came first."""

    def __init__(self, before: storage.StoredBatch) -> None:
        theirs = {"received_at": before.received_at.isoformat(), "events": before.events}
        super().__init__(f"batch {before.batch}", 0, 0, theirs)
        self.args = (
            f"batch {before.batch} was received before with other content; every batch needs its own id",
        )

    def details(self) -> dict[str, Any]:
        return {"field": "batch", "theirs": self.theirs}


def _receipt(batch: str, size: int, rejected: dict[int, str], *, duplicate: bool) -> Receipt:
    results = ["ok"] * size
    for index, reason in rejected.items():
        results[index] = f"rejected: {reason}"
    return Receipt(batch=batch, duplicate=duplicate, accepted=size - len(rejected), results=tuple(results))
