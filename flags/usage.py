"""Whether flags are used, as values: what SDKs and the event pipeline count, and what inventory shows."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSummary:
    """What happened to one variant of one flag on one day (UTC): counts to add, and when it was last seen."""

    flag: str
    variant: str
    day: date
    evaluations: int
    exposures: int
    last_seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTotal:
    """The sum over days of what one environment saw of one flag's variant; ``variant`` empty: of all."""

    environment_id: int
    flag: str
    variant: str
    evaluations: int
    exposures: int
    first_day: date
    last_seen: datetime
