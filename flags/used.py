"""Evaluations that this process makes itself, counted in memory and written down now and then.

So that a flag that applications ask for by OFREP alone is known to be in use. What was counted since the last
writing is lost with a process that dies: the inventory is about use, not about numbers.
"""

import logging
import threading
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.exc import DBAPIError

from flags.service.usage import record_usage
from flags.usage import UsageSummary
from runtime.database import Database

WRITE_EVERY_S: Final = 30.0
_MOST_WAITING: Final = 100_000

_log: Final = logging.getLogger("pointsman.flags")

Key = tuple[int, str, str]
"""Environment, flag, variant."""


class Used:
    """One for a process; ``count`` may be called by any thread and never waits.

    A thread of its own writes, from the first count on. Two threads that count one variant in the same
    instant may count it once.
    """

    def __init__(self, database: Database, *, every_s: float = WRITE_EVERY_S) -> None:
        self._database: Final = database
        self._every_s: Final = every_s
        self._counts: dict[Key, int] = {}
        self._ended: Final = threading.Event()
        self._starting: Final = threading.Lock()
        self._thread: threading.Thread | None = None

    def count(self, environment_id: int, flag: str, variant: str) -> None:
        """One evaluation. Beyond 100,000 variants that could not be written yet, nothing is counted."""
        counts, key = self._counts, (environment_id, flag, variant)
        if key in counts or len(counts) < _MOST_WAITING:
            counts[key] = counts.get(key, 0) + 1
        if self._thread is None and self._starting.acquire(blocking=False):
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="pointsman usage", daemon=True)
                self._thread.start()
            self._starting.release()

    def write(self, now: datetime) -> None:
        """Add what was counted to the database. DBAPIError: it could not be; it still counts."""
        counts, self._counts = self._counts, {}
        try:
            for environment_id in sorted({key[0] for key in counts}):
                with self._database.session() as session:
                    summaries = [
                        _summary(key, count, now) for key, count in counts.items() if key[0] == environment_id
                    ]
                    record_usage(session, environment_id, summaries)
                counts = {key: count for key, count in counts.items() if key[0] != environment_id}
        except DBAPIError:
            for key, count in counts.items():
                self._counts[key] = self._counts.get(key, 0) + count
            raise

    def close(self) -> None:
        """Write once more and end."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(self._every_s)

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            self._try()
        self._try()

    def _try(self) -> None:
        try:
            self.write(datetime.now(UTC))
        except DBAPIError as error:
            _log.warning("the evaluations of this process could not be written yet: %s", error.orig)


def _summary(key: Key, count: int, now: datetime) -> UsageSummary:
    _, flag, variant = key
    return UsageSummary(
        flag=flag, variant=variant, day=now.date(), evaluations=count, exposures=0, last_seen=now
    )
