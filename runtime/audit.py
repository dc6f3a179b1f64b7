"""The audit log: who did what to which thing, written in the transaction that did it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from runtime import audit_chain
from runtime.actors import Actor, ActorKind
from runtime.audit_tables import AuditRow

__all__ = ["MOST_AT_ONCE", "AuditEntry", "AuditFilter", "AuditRow", "browse", "entries", "record", "stream"]

MOST_AT_ONCE: Final = 1_000
_ROWS_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the audit log; ``position`` and ``hash`` are its place in the chain, once committed."""

    at: datetime
    actor: Actor
    action: str
    subject: str
    details: Mapping[str, Any]
    position: int | None = None
    hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries to show; what is empty or None asks for nothing."""

    subject: str = ""
    """This subject and what lies under it."""
    actor: str = ""
    action: str = ""
    """The whole action, or its noun: ``flag`` finds ``flag.toggle``."""
    since: datetime | None = None
    before: int | None = None
    """Only entries at lower positions."""
    after: int | None = None
    """Only entries at higher positions."""


def record(session: Session, actor: Actor, action: str, subject: str, details: Mapping[str, Any]) -> None:
    """Write one entry in the caller's transaction; it joins the chain when that commits.

    ``action`` is ``noun.verb`` (``flag.toggle``), ``subject`` a path (``demo/prod/digit-reader``),
    ``details`` JSON; secrets never go in.
    """
    row = AuditRow(
        at=datetime.now(UTC),
        actor_kind=actor.kind,
        actor=actor.name,
        action=action,
        subject=subject,
        details=dict(details),
    )
    audit_chain.add(session, row)


def entries(session: Session, *, subject: str | None = None, limit: int = 100) -> tuple[AuditEntry, ...]:
    """The newest entries first, this transaction's own included; of one subject and what lies under it."""
    query = _filtered(AuditFilter(subject=subject or "")).order_by(AuditRow.id.desc()).limit(limit)
    return tuple(_entry(row) for row in session.scalars(query))


def browse(session: Session, wanted: AuditFilter, *, limit: int = 100) -> tuple[AuditEntry, ...]:
    """Committed entries, the newest first; at most 1,000."""
    query = _filtered(wanted).where(AuditRow.position.is_not(None)).order_by(AuditRow.position.desc())
    return tuple(_entry(row) for row in session.scalars(query.limit(max(0, min(limit, MOST_AT_ONCE)))))


def stream(session: Session, wanted: AuditFilter, *, limit: int | None = None) -> Iterator[AuditEntry]:
    """Committed entries, the oldest first, in bounded memory."""
    query = _filtered(wanted).where(AuditRow.position.is_not(None)).order_by(AuditRow.position).limit(limit)
    with session.scalars(query, execution_options={"yield_per": _ROWS_AT_ONCE}) as found:
        yield from map(_entry, found)


def _filtered(wanted: AuditFilter) -> Select[AuditRow]:
    query = select(AuditRow)
    if wanted.subject:
        under = AuditRow.subject.startswith(f"{wanted.subject}/", autoescape=True)
        query = query.where((AuditRow.subject == wanted.subject) | under)
    if wanted.actor:
        query = query.where(AuditRow.actor == wanted.actor)
    if wanted.action:
        verbs = AuditRow.action.startswith(f"{wanted.action}.", autoescape=True)
        query = query.where((AuditRow.action == wanted.action) | verbs)
    if wanted.since is not None:
        query = query.where(AuditRow.at >= wanted.since)
    if wanted.before is not None:
        query = query.where(AuditRow.position < wanted.before)
    if wanted.after is not None:
        query = query.where(AuditRow.position > wanted.after)
    return query


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        at=row.at,
        actor=Actor(ActorKind(row.actor_kind), row.actor),
        action=row.action,
        subject=row.subject,
        details=row.details,
        position=row.position,
        hash=row.hash,
    )
