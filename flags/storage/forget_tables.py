"""The table of requests to forget. Rows never leave flags.storage."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from runtime.database import Base, UtcDateTime


class ForgetRequestRow(Base):
    """A unit asked to be forgotten. ``unit`` is emptied when it is done, the digest stays."""

    __tablename__ = "forget_requests"
    __table_args__ = (
        Index("ix_forget_requests_done", "done_at"),
        Index("ix_forget_requests_asked", "project_id", "asked_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    unit: Mapped[str | None] = mapped_column(String(256))
    digest: Mapped[str] = mapped_column(String(16))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(200))
    assignments: Mapped[int]
    events: Mapped[int] = mapped_column(BigInteger)
    cleared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
