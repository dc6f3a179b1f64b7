"""How the inbox stands, for Prometheus: alarm on the age of what waits, not on its size."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from experiments.events.storage import backlog


def inbox_gauges(session: Session) -> Mapping[str, float]:
    """Acknowledged events not yet in the event tables, and how long the oldest has been waiting."""
    waiting = backlog(session)
    age_s = 0.0 if waiting.oldest is None else (datetime.now(UTC) - waiting.oldest).total_seconds()
    return {
        "pointsman_inbox_events": float(waiting.events),
        "pointsman_inbox_oldest_seconds": max(0.0, age_s),
    }
