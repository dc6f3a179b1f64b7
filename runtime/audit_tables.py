"""Tables of the audit log: its entries, and the one row that says where the chain of them ends."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, Connection, String, Table, event, insert
from sqlalchemy.orm import Mapped, mapped_column

from runtime.database import Base, UtcDateTime

GENESIS: Final = "0" * 64
"""What the first entry's hash is made from, in place of an entry before it."""


class AuditRow(Base):
    """One entry; never changed, never deleted. Empty ``position`` and ``hash``: not committed yet."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(64), index=True)
    subject: Mapped[str] = mapped_column(String(300), index=True)
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    position: Mapped[int | None] = mapped_column(unique=True)
    hash: Mapped[str | None] = mapped_column(String(64))


class AuditHeadRow(Base):
    """The last entry of the chain. There is one row; locking it is the right to append."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


def _begin_chain(table: Table, connection: Connection, **_: object) -> None:
    connection.execute(insert(table), {"id": 1, "position": 0, "hash": GENESIS})


# A database made without migrations (tests) begins its chain too.
event.listen(AuditHeadRow.__table__, "after_create", _begin_chain)
