"""The table of what was served when. Rows never leave flags.storage."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from runtime.database import Base, UtcDateTime


class FlagUsageRow(Base):
    """What one variant of a flag was asked for and met on one day (UTC). Keys never change: kept as text."""

    __tablename__ = "flag_usage"

    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"), primary_key=True)
    flag: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    variant: Mapped[str] = mapped_column(String(64), primary_key=True)
    evaluations: Mapped[int] = mapped_column(BigInteger)
    exposures: Mapped[int] = mapped_column(BigInteger)
    last_seen: Mapped[datetime] = mapped_column(UtcDateTime)
