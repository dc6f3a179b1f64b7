"""Units that asked to be forgotten, as a drain asks: is this event older than the request?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from experiments.events.batch import MOST_LATE_US
from experiments.events.storage import StoredBatch
from flags.forgetting import unit_digest
from flags.queries import forgotten_since
from runtime.database import Database

# No accepted event is older than this when its batch arrives, so older requests concern none of them.
_MOST_LATE: Final = timedelta(microseconds=MOST_LATE_US)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """By environment and unit digest, when the unit asked, in microseconds since 1970."""

    asked_us: Mapping[int, Mapping[str, int]]

    @classmethod
    def among(cls, database: Database, batches: Sequence[StoredBatch]) -> "Forgotten":
        """Whatever may concern these batches."""
        if not batches:
            return cls(asked_us={})
        since = min(batch.received_at for batch in batches) - _MOST_LATE
        with database.reading() as session:
            found = forgotten_since(session, {batch.environment_id for batch in batches}, since)
        return cls(
            asked_us={
                environment_id: {digest: _us(asked_at) for digest, asked_at in asked.items()}
                for environment_id, asked in found.items()
            }
        )

    def covers(self, batch: StoredBatch, event: Mapping[str, Any]) -> bool:
        """Whether the event happened or arrived before its unit asked; spools and relays may bring it late.

        Both are looked at: an application's clock may run ahead of ours.
        """
        asked = self.asked_us.get(batch.environment_id)
        if asked is None:
            return False
        asked_us = asked.get(unit_digest(event["unit"]))
        return asked_us is not None and min(event["at_us"], _us(batch.received_at)) <= asked_us


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)
