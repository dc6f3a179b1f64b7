"""The inbox: batches acknowledged but not yet in the lake, and the drains that take them there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    LargeBinary,
    String,
    UniqueConstraint,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from runtime.database import Base, UtcDateTime


class InboxRow(Base):
    """One batch. The row stays (it makes a resend count once); the body goes with the drain."""

    __tablename__ = "inbox"
    __table_args__ = (UniqueConstraint("environment_id", "batch"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    batch: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    events: Mapped[int]
    rejected: Mapped[dict[str, str]] = mapped_column(JSON)
    encoding: Mapped[str] = mapped_column(String(8))
    body: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    sdk: Mapped[str | None] = mapped_column(String(64))
    instance: Mapped[str | None] = mapped_column(String(32))
    dropped: Mapped[dict[str, int]] = mapped_column(JSON)
    drain: Mapped[int | None] = mapped_column(BigInteger, index=True)


class DrainRow(Base):
    """One journey of a fixed set of batches into the lake; an unfinished one is done again."""

    __tablename__ = "drains"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    writer: Mapped[str] = mapped_column(String(32))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    batches: Mapped[int]
    events: Mapped[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch:
    """A batch as the inbox keeps it."""

    row_id: int
    environment_id: int
    batch: str
    digest: str
    received_at: datetime
    events: int
    rejected: dict[int, str]
    encoding: str
    body: bytes | None
    sdk: str | None
    instance: str | None
    dropped: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """``writer`` names this database in the lake; ``number`` grows by one with each drain.

    ``writing_since``: when this writer's first drain was opened.
    """

    number: int
    writer: str
    events: int
    writing_since: datetime


def find(session: Session, environment_id: int, batch: str) -> StoredBatch | None:
    """The stored batch of that id, without its body."""
    row = session.scalar(
        select(InboxRow).where(InboxRow.environment_id == environment_id, InboxRow.batch == batch)
    )
    return None if row is None else _stored(row, body=None)


def add(session: Session, values: dict[str, Any]) -> None:
    """One row, sent to the database at once. IntegrityError: this batch is there already."""
    session.connection().execute(insert(InboxRow), values)


def unfinished_drain(session: Session) -> Drain | None:
    """The oldest drain that was opened and not finished: a worker stopped in the middle."""
    row = session.scalar(select(DrainRow).where(DrainRow.finished_at.is_(None)).order_by(DrainRow.number))
    return None if row is None else _drain(session, row)


def next_drain(session: Session) -> tuple[int, str | None]:
    """The number of the next drain, and the writer of the last one; None before the first."""
    latest = session.execute(
        select(DrainRow.number, DrainRow.writer).order_by(DrainRow.number.desc())
    ).first()
    return (1, None) if latest is None else (latest.number + 1, latest.writer)


def open_drain(
    session: Session, number: int, writer: str, *, most_batches: int, now: datetime
) -> Drain | None:
    """Bind the oldest waiting batches to a new drain; None: nothing waits."""
    waiting = session.execute(
        select(InboxRow.id, InboxRow.events)
        .where(InboxRow.drain.is_(None))
        .order_by(InboxRow.id)
        .limit(most_batches)
    ).all()
    if not waiting:
        return None
    events = sum(row.events for row in waiting)
    row = DrainRow(number=number, writer=writer, opened_at=now, batches=len(waiting), events=events)
    session.add(row)
    session.flush()
    session.execute(update(InboxRow).where(InboxRow.id.in_([row.id for row in waiting])).values(drain=number))
    return _drain(session, row)


def _drain(session: Session, row: DrainRow) -> Drain:
    since = session.scalars(select(func.min(DrainRow.opened_at)).where(DrainRow.writer == row.writer)).one()
    assert since is not None  # noqa: S101  (the row itself has the writer)
    return Drain(number=row.number, writer=row.writer, events=row.events, writing_since=since)


def batches_of(session: Session, drain: Drain) -> tuple[StoredBatch, ...]:
    """The drain's batches with their bodies, in the order of their arrival."""
    rows = session.execute(
        select(InboxRow, InboxRow.body).where(InboxRow.drain == drain.number).order_by(InboxRow.id)
    )
    return tuple(_stored(row, body=body) for row, body in rows)


def finish_drain(session: Session, drain: Drain, *, now: datetime) -> bool:
    """The drain is in the lake: forget the bodies, keep the ids. False: another worker finished it."""
    finished = session.execute(
        update(DrainRow)
        .where(DrainRow.number == drain.number, DrainRow.finished_at.is_(None))
        .values(finished_at=now)
        .returning(DrainRow.number)
    ).scalar_one_or_none()
    if finished is None:
        return False
    session.execute(update(InboxRow).where(InboxRow.drain == drain.number).values(body=None))
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits between the acknowledgement and the lake."""

    batches: int
    events: int
    oldest: datetime | None


def backlog(session: Session, environment_id: int | None = None) -> Backlog:
    """Batches not yet in the lake, those of an unfinished drain included; of one environment if given."""
    waiting = InboxRow.drain.is_(None) | InboxRow.drain.in_(
        select(DrainRow.number).where(DrainRow.finished_at.is_(None))
    )
    row = session.execute(
        select(
            func.count(InboxRow.id),
            func.coalesce(func.sum(InboxRow.events), 0),
            func.min(InboxRow.received_at),
        ).where(waiting, true() if environment_id is None else InboxRow.environment_id == environment_id)
    ).one()
    return Backlog(batches=row[0], events=row[1], oldest=row[2])


def waiting(session: Session, environment_id: int) -> Iterator[StoredBatch]:
    """The environment's batches whose bodies are still there, in the order of their arrival, one by one."""
    ids = session.scalars(
        select(InboxRow.id)
        .where(InboxRow.environment_id == environment_id, InboxRow.body.is_not(None))
        .order_by(InboxRow.id)
    ).all()
    for row_id in ids:
        row, body = session.execute(select(InboxRow, InboxRow.body).where(InboxRow.id == row_id)).one()
        yield _stored(row, body=body)
        session.expunge(row)


def _stored(row: InboxRow, *, body: bytes | None) -> StoredBatch:
    return StoredBatch(
        row_id=row.id,
        environment_id=row.environment_id,
        batch=row.batch,
        digest=row.digest,
        received_at=row.received_at,
        events=row.events,
        rejected={int(index): reason for index, reason in row.rejected.items()},
        encoding=row.encoding,
        body=body,
        sdk=row.sdk,
        instance=row.instance,
        dropped=row.dropped,
    )
