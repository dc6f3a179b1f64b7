"""Tables of the experiments house. Rows never leave experiments.storage."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from runtime.database import Base, UtcDateTime

_KEY = String(64)


class ExperimentRow(Base):
    """One experiment of one flag in one environment. Keys of flags never change, so one is kept as text."""

    __tablename__ = "experiments"
    __table_args__ = (
        UniqueConstraint("environment_id", "key"),
        Index("ix_experiments_flag", "environment_id", "flag"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    flag: Mapped[str] = mapped_column(_KEY)
    key: Mapped[str] = mapped_column(_KEY)
    name: Mapped[str] = mapped_column(String(200))
    hypothesis: Mapped[str] = mapped_column(Text)
    brief: Mapped[dict[str, str]] = mapped_column(JSON)
    unit_type: Mapped[str] = mapped_column(_KEY)
    control: Mapped[str] = mapped_column(_KEY)
    flag_rule: Mapped[str] = mapped_column(_KEY)
    metrics: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    decision_rule: Mapped[dict[str, Any]] = mapped_column(JSON)
    plan: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    outcome: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    status: Mapped[str] = mapped_column(String(16), index=True)
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    report_requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ReportRow(Base):
    """The latest report of an experiment, and of which state of the data it speaks."""

    __tablename__ = "reports"

    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id"), primary_key=True)
    computed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    fingerprint: Mapped[str] = mapped_column(String(200))
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    svg: Mapped[str] = mapped_column(Text)
