"""Exposures and evaluations of a drain, counted per flag, variant and day on their way to the lake."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from flags.service.usage import record_usage
from flags.usage import UsageSummary

_US_A_DAY: Final = 86_400_000_000
_EPOCH: Final = date(1970, 1, 1)

Key = tuple[str, str, int]
"""Flag, variant, and day since 1970."""


@dataclass(slots=True)
class Tally:
    """Counts by environment; filled event by event, written once with the end of the drain."""

    _counts: dict[int, dict[Key, list[int]]] = field(default_factory=dict)

    def add(self, environment_id: int, event: dict[str, Any]) -> None:
        """Count the event if it is an exposure; it has been validated."""
        if event["type"] != "exposure":
            return
        at_us = event["at_us"]
        counts = self._counts.setdefault(environment_id, {})
        # Exposures, when the last was, evaluations: numbers in one list cost one look-up for each event.
        found = counts.setdefault((event["flag"], event["variant"], at_us // _US_A_DAY), [0, 0, 0])
        found[0] += 1
        found[1] = max(found[1], at_us)

    def add_evaluations(
        self, environment_id: int, evaluations: Mapping[str, Mapping[str, int]], received_at: datetime
    ) -> None:
        """Count evaluations, which tell no time of their own: they count for when they arrived."""
        at_us = int(received_at.timestamp() * 1_000_000)
        counts = self._counts.setdefault(environment_id, {})
        for flag, variants in evaluations.items():
            for variant, count in variants.items():
                found = counts.setdefault((flag, variant, at_us // _US_A_DAY), [0, 0, 0])
                found[1] = max(found[1], at_us)
                found[2] += count

    def write(self, session: Session) -> None:
        """Add the counts in the caller's transaction."""
        for environment_id, counts in sorted(self._counts.items()):
            record_usage(session, environment_id, _summaries(counts))


def _summaries(counts: dict[Key, list[int]]) -> Iterator[UsageSummary]:
    for (flag, variant, day), (exposures, last_us, evaluations) in counts.items():
        yield UsageSummary(
            flag=flag,
            variant=variant,
            day=_EPOCH + timedelta(days=day),
            evaluations=evaluations,
            exposures=exposures,
            last_seen=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=last_us),
        )
