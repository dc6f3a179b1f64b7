"""The audit log: who did what to which thing, written in the transaction that did it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from runtime.actors import Actor, ActorKind
from runtime.database import Base, UtcDateTime


class AuditRow(Base):
    """One entry; never changed, never deleted."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(64), index=True)
    subject: Mapped[str] = mapped_column(String(300), index=True)
    details: Mapped[dict[str, Any]] = mapped_column(JSON)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the audit log."""

    at: datetime
    actor: Actor
    action: str
    subject: str
    details: Mapping[str, Any]


def record(session: Session, actor: Actor, action: str, subject: str, details: Mapping[str, Any]) -> None:
    """Write one entry in the caller's transaction.

    ``action`` is ``noun.verb`` (``flag.toggle``), ``subject`` a path (``demo/prod/digit-reader``),
    ``details`` JSON; secrets never go in.
    """
    session.add(
        AuditRow(
            at=datetime.now(UTC),
            actor_kind=actor.kind,
            actor=actor.name,
            action=action,
            subject=subject,
            details=dict(details),
        )
    )


def entries(session: Session, *, subject: str | None = None, limit: int = 100) -> tuple[AuditEntry, ...]:
    """The newest entries first; those of one subject, and of what lies under it, where one is given."""
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    if subject is not None:
        under = AuditRow.subject.startswith(f"{subject}/", autoescape=True)
        query = query.where((AuditRow.subject == subject) | under)
    return tuple(
        AuditEntry(
            at=row.at,
            actor=Actor(ActorKind(row.actor_kind), row.actor),
            action=row.action,
            subject=row.subject,
            details=row.details,
        )
        for row in session.scalars(query)
    )
