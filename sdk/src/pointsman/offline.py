"""A client's inside without a server: one bundle, no thread, no network. Events are dropped and counted."""

from collections.abc import Mapping
from queue import SimpleQueue
from time import time
from typing import Final

from pointsman.bundle_file import has_expired
from pointsman.core.bundle import Bundle
from pointsman.core.evaluation import Evaluation
from pointsman.core.events import Event
from pointsman.options import Options
from pointsman.outbox import Loss, Outbox
from pointsman.recent import RecentUnits
from pointsman.stats import Stats
from pointsman.usage import Usage


class _NoOutbox(Outbox):
    """Takes nothing, and counts it."""

    def submit(self, event: Event) -> None:
        del event
        self.lose(Loss.OFFLINE, "a client of a bundle has no server to send to")


class OfflineEngine:
    """What ``Engine`` is to a client, over a bundle. It holds no resource; a fork needs nothing."""

    def __init__(self, bundle: Bundle, options: Options) -> None:
        self._bundle: Final = bundle
        self.closed = False
        self.outbox: Outbox = _NoOutbox(size=1, full=1, bell=SimpleQueue())
        self.recent: dict[str, RecentUnits] = {
            key: RecentUnits() for key, flag in bundle.ruleset.flags.items() if flag.sticky
        }
        self.usage = Usage()
        """Counted, and told to nobody."""
        self.used = self.usage.counts
        self.evaluation = Evaluation(
            bundle.ruleset,
            bundle.units,
            now=time,
            attributes=options.attributes,
            recent=self.recent,
        )

    def start(self) -> None:
        """There is nothing to start."""

    def prefetch(self, flag: str, units: list[str], context: Mapping[str, object], timeout_s: float) -> int:
        """None: there is nobody to ask."""
        del flag, units, context, timeout_s
        return 0

    def wait_until_ready(self, timeout_s: float) -> bool:
        """At once."""
        del timeout_s
        return True

    def flush(self, timeout_s: float) -> bool:
        """At once: nothing waits."""
        del timeout_s
        return True

    def close(self, timeout_s: float) -> bool:
        """At once."""
        del timeout_s
        self.closed = True
        return True

    def retire(self) -> None:
        """The client is gone."""
        self.closed = True

    def stats(self) -> Stats:
        """The counters; ``problem`` once the bundle's time is over, which changes no answer."""
        expired = f"the bundle expired at {self._bundle.expires_at} (Unix time)"
        return Stats(
            ready=True,
            revision=self._bundle.ruleset.revision,
            queued=0,
            sent=0,
            accepted=0,
            rejected=0,
            dropped=self.outbox.losses(),
            ignored=self.outbox.ignored,
            batches=0,
            retries=0,
            polls=0,
            poll_errors=0,
            rulesets_refused=0,
            cache_errors=0,
            internal_errors=0,
            problem=expired if has_expired(self._bundle) else None,
        )
