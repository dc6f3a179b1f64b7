"""How inbox and requests to forget stand, for Prometheus: alarm on the age of what waits, not on its size."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from experiments.events.storage import backlog
from flags.queries import waiting_to_be_forgotten


def inbox_gauges(session: Session) -> Mapping[str, float]:
    """Acknowledged events not yet in the event tables, and how long the oldest has been waiting."""
    waiting = backlog(session)
    return {
        "pointsman_inbox_events": float(waiting.events),
        "pointsman_inbox_oldest_seconds": _age_s(waiting.oldest),
    }


def forgetting_gauges(session: Session) -> Mapping[str, float]:
    """Requests to forget a unit that are not done, and how old the oldest is: a day is what was promised."""
    waiting, oldest = waiting_to_be_forgotten(session)
    return {
        "pointsman_forget_requests_open": float(waiting),
        "pointsman_forget_requests_oldest_seconds": _age_s(oldest),
    }


def _age_s(since: datetime | None) -> float:
    return 0.0 if since is None else max(0.0, (datetime.now(UTC) - since).total_seconds())
