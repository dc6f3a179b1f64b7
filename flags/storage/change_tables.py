"""Tables of change requests. Rows never leave flags.storage."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from runtime.database import Base, UtcDateTime


class ChangeRequestRow(Base):
    """A proposed change of one flag in one environment, or of something else there.

    ``version`` counts every change of the row; ``draft`` only those of what is proposed, and approvals are
    for one draft.
    """

    __tablename__ = "change_requests"
    __table_args__ = (
        Index("ix_change_requests_place", "environment_id", "state"),
        Index("ix_change_requests_due", "state", "publish_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    flag_id: Mapped[int | None] = mapped_column(ForeignKey("flags.id"), index=True)
    # What it is about where that is no flag: segment:staff, holdout, approvers.
    subject: Mapped[str] = mapped_column(String(100), server_default="")
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    author_kind: Mapped[str] = mapped_column(String(16))
    author: Mapped[str] = mapped_column(String(200))
    # Everybody who had a hand in the draft: none of them may approve it.
    writers: Mapped[list[str]] = mapped_column(JSON)
    proposal: Mapped[dict[str, Any]] = mapped_column(JSON)
    base_state: Mapped[int]
    base_flag: Mapped[int]
    draft: Mapped[int]
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    publish_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    published_revision: Mapped[int | None]
    failure: Mapped[str] = mapped_column(Text)


class ChangeApprovalRow(Base):
    """One person's consent to one draft; never changed, never deleted."""

    __tablename__ = "change_approvals"
    __table_args__ = (UniqueConstraint("request_id", "draft", "actor"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("change_requests.id"))
    draft: Mapped[int]
    actor: Mapped[str] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
