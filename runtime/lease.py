"""Leases: at most one process at a time does a thing, and another takes over when it dies.

A lease may be taken when nobody holds it, when its time has run out, or by its holder again. Taking it is
one conditional UPDATE, so two processes that try at once cannot both succeed.
"""

from datetime import datetime, timedelta

from sqlalchemy import String, delete, or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from runtime.database import Base, Database, UtcDateTime


class LeaseRow(Base):
    """Who holds the lease of that name, and until when."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


def take(database: Database, name: str, holder: str, *, life: timedelta, now: datetime) -> bool:
    """Take or renew the lease; whether ``holder`` has it now."""
    with database.session() as session:
        free = or_(LeaseRow.holder == holder, LeaseRow.expires_at <= now)
        taken = session.execute(
            update(LeaseRow)
            .where(LeaseRow.name == name, free)
            .values(holder=holder, expires_at=now + life)
            .returning(LeaseRow.name)
        ).scalar_one_or_none()
        if taken is not None:
            return True
        if session.get(LeaseRow, name) is not None:
            return False
    try:
        with database.session() as session:
            session.add(LeaseRow(name=name, holder=holder, expires_at=now + life))
    except IntegrityError:
        return False
    return True


def give_back(database: Database, name: str, holder: str) -> None:
    """Let the next process take it at once; nothing happens if ``holder`` no longer has it."""
    with database.session() as session:
        session.execute(delete(LeaseRow).where(LeaseRow.name == name, LeaseRow.holder == holder))
