"""The worker: one leased process that does the periodic work, step by step, until told to stop."""

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

from prometheus_client import Counter

from runtime import lease
from runtime.database import Database

LEASE: Final = "worker"
LEASE_LIFE: Final = timedelta(seconds=10)
_IDLE_S: Final = 0.5

log = logging.getLogger("pointsman.worker")
RUNS: Final = Counter("pointsman_worker_steps_total", "Steps the worker has run", ["step", "result"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """``run(now)`` does a bounded piece of work and says whether there is more to do at once."""

    name: str
    run: Callable[[datetime], bool]
    every_s: float


class Worker:
    """Runs its steps while it holds the lease. A step that fails is logged, counted and tried again."""

    def __init__(self, database: Database, steps: Sequence[Step]) -> None:
        self._database = database
        self._steps = tuple(steps)
        self._due = dict.fromkeys((step.name for step in steps), 0.0)
        self._holder = uuid.uuid4().hex
        self._stop = threading.Event()

    def stop(self) -> None:
        """Finish the step under way, give the lease back, return from `run`."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop`."""
        renewer = threading.Thread(target=self._keep_lease, name="pointsman-lease", daemon=True)
        renewer.start()
        try:
            while not self._stop.is_set():
                if not self._hold() or not self.tick():
                    self._stop.wait(_IDLE_S)
        finally:
            self._stop.set()
            renewer.join()
            self._give_back()

    def tick(self) -> bool:
        """Run each step that is due once; whether any has more to do at once."""
        more = False
        for step in self._steps:
            if self._stop.is_set():
                break
            if monotonic() >= self._due[step.name]:
                busy = self._run_step(step)
                self._due[step.name] = monotonic() + (0.0 if busy else step.every_s)
                more = more or busy
        return more

    def _run_step(self, step: Step) -> bool:
        try:
            more = step.run(datetime.now(UTC))
        except Exception:
            log.exception("step %s failed; it will be tried again", step.name)
            RUNS.labels(step.name, "failed").inc()
            return False
        RUNS.labels(step.name, "done").inc()
        return more

    def _hold(self) -> bool:
        try:
            return lease.take(self._database, LEASE, self._holder, life=LEASE_LIFE, now=datetime.now(UTC))
        except Exception:
            log.exception("the lease could not be taken; it will be tried again")
            return False

    def _keep_lease(self) -> None:
        # A step may take longer than the lease lives; exactly-once does not depend on this, only thrift.
        while not self._stop.wait(LEASE_LIFE.total_seconds() / 3):
            self._hold()

    def _give_back(self) -> None:
        try:
            lease.give_back(self._database, LEASE, self._holder)
        except Exception:
            log.exception("the lease could not be given back; it ends by itself")
