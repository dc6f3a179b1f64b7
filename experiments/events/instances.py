"""The processes that send events, as their batches describe them: what came, what was lost and why.

Nothing lost stays hidden: what an SDK had to drop and what the platform refused is kept and shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import JSON, BigInteger, ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from experiments.events.batch import Content
from experiments.events.storage import StoredBatch
from runtime.database import Base, UtcDateTime

# Batches of programs that give no instance id are counted together under this one.
NAMELESS: Final = ""
_MOST_SHOWN: Final = 200


class SdkInstanceRow(Base):
    """One sending process."""

    __tablename__ = "sdk_instances"
    __table_args__ = (UniqueConstraint("environment_id", "instance"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    instance: Mapped[str] = mapped_column(String(32))
    sdk: Mapped[str | None] = mapped_column(String(64))
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    accepted: Mapped[int] = mapped_column(BigInteger)
    rejected: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str | None] = mapped_column(String(300))
    dropped: Mapped[dict[str, int]] = mapped_column(JSON)
    # What it calls its machine, and the revision of the ruleset it evaluates by, as it said last.
    device: Mapped[str | None] = mapped_column(String(64))
    revision: Mapped[int | None] = mapped_column(BigInteger)


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkInstance:
    """One sending process: events accepted, events refused (``reason``: the latest), events it dropped."""

    instance: str
    sdk: str | None
    seen_at: datetime
    accepted: int
    rejected: int
    reason: str | None
    dropped: Mapping[str, int]
    """By cause, since the process began."""
    device: str | None
    """What it calls the machine it runs on."""
    revision: int | None
    """Of the ruleset it evaluated by when it was last heard of."""


@dataclass(slots=True)
class Senders:
    """What the batches of a drain say of their senders, by batch."""

    _said: dict[str, Content] = field(default_factory=dict)

    def hear(self, batch: str, content: Content) -> None:
        """What one batch says."""
        self._said[batch] = content._replace(events=[], evaluations={})

    def of(self, batch: str) -> Content | None:
        """It again; None: its body was gone, for another worker had finished it."""
        return self._said.get(batch)


def note(session: Session, batches: Sequence[StoredBatch], senders: Senders) -> None:
    """Add what these batches say; called once for each, in the transaction that finishes their drain."""
    for batch in batches:
        row = _row(session, batch)
        row.sdk = batch.sdk
        said = senders.of(batch.batch)
        if said is not None and batch.received_at >= row.seen_at:
            row.device = said.device or row.device
            row.revision = row.revision if said.revision is None else said.revision
        row.seen_at = max(row.seen_at, batch.received_at)
        row.accepted += batch.events - len(batch.rejected)
        row.rejected += len(batch.rejected)
        if batch.rejected:
            row.reason = next(reversed(batch.rejected.values()))[:300]
        # Each batch carries the totals so far, and batches may overtake one another: the largest counts.
        names = row.dropped.keys() | batch.dropped.keys()
        row.dropped = {name: max(row.dropped.get(name, 0), batch.dropped.get(name, 0)) for name in names}


def of_environment(session: Session, environment_id: int) -> tuple[SdkInstance, ...]:
    """The processes that sent last, the latest first; at most 200."""
    rows = session.scalars(
        select(SdkInstanceRow)
        .where(SdkInstanceRow.environment_id == environment_id)
        .order_by(SdkInstanceRow.seen_at.desc(), SdkInstanceRow.id)
        .limit(_MOST_SHOWN)
    )
    return tuple(
        SdkInstance(
            instance=row.instance,
            sdk=row.sdk,
            seen_at=row.seen_at,
            accepted=row.accepted,
            rejected=row.rejected,
            reason=row.reason,
            dropped={name: count for name, count in sorted(row.dropped.items()) if count},
            device=row.device,
            revision=row.revision,
        )
        for row in rows
    )


def _row(session: Session, batch: StoredBatch) -> SdkInstanceRow:
    instance = batch.instance or NAMELESS
    found = session.scalar(
        select(SdkInstanceRow).where(
            SdkInstanceRow.environment_id == batch.environment_id, SdkInstanceRow.instance == instance
        )
    )
    if found is None:
        found = SdkInstanceRow(
            environment_id=batch.environment_id,
            instance=instance,
            seen_at=batch.received_at,
            accepted=0,
            rejected=0,
            dropped={},
        )
        session.add(found)
        session.flush()
    return found
