"""Who listens on the stream, and how a notice reaches each of them without waiting for any."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from flags import metrics
from runtime.errors import PointsmanError, TooMany

_WAITING_NOTICES: Final = 8
_RETRY_S: Final = 10
# A stream costs about 20 kB here; so many fit beside everything else on a small machine.
MOST_STREAMS: Final = 10_000
MOST_PER_KEY: Final = 2_000


class Full(PointsmanError):
    """This process takes no more streams for now."""

    code = "service_unavailable"
    retry_after_s = _RETRY_S


class Subscriber:
    """One connected SDK. Its queue is bounded: a reader too slow for it loses the oldest notices only,
    which a newer one makes worthless anyway.
    """

    def __init__(self, key_id: int, revision: int) -> None:
        self.key_id = key_id
        self.revision = revision
        """The newest revision it has been told, or knew when it came."""
        self._notices: asyncio.Queue[int | None] = asyncio.Queue(_WAITING_NOTICES)

    def tell(self, revision: int | None) -> None:
        """Queue a notice; None: the stream ends. Never waits."""
        if self._notices.full():
            self._notices.get_nowait()
        self._notices.put_nowait(revision)

    async def next(self, timeout_s: float) -> int | None:
        """The next notice; None: the stream ends. TimeoutError: none came in time."""
        return await asyncio.wait_for(self._notices.get(), timeout_s)


class Subscribers:
    """Everybody connected to this process. For one event loop only."""

    def __init__(self, *, most: int = MOST_STREAMS, most_per_key: int = MOST_PER_KEY) -> None:
        self._most, self._most_per_key = most, most_per_key
        self._all: set[Subscriber] = set()
        self._by_key: Counter[int] = Counter()
        self._closed = False

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, key_id: int) -> None:
        """Return if one more may join. TooMany: this key has enough. Full: so have all."""
        if self._by_key[key_id] >= self._most_per_key:
            problem = f"this key has {self._most_per_key} streams open; close some, or poll"
            raise TooMany(problem, retry_after_s=_RETRY_S)
        if len(self._all) >= self._most:
            raise Full(f"{self._most} streams are open here; come back later, or poll")

    @contextmanager
    def joined(self, subscriber: Subscriber) -> Iterator[None]:
        """Belong for as long as the block runs."""
        self._all.add(subscriber)
        self._by_key[subscriber.key_id] += 1
        metrics.STREAMS_OPEN.inc()
        if self._closed:
            subscriber.tell(None)
        try:
            yield
        finally:
            self._all.discard(subscriber)
            self._by_key -= Counter((subscriber.key_id,))
            metrics.STREAMS_OPEN.dec()

    def listening(self) -> tuple[Subscriber, ...]:
        """Everybody who is connected now."""
        return tuple(self._all)

    def close(self) -> None:
        """Send everybody away, and whoever still comes."""
        self._closed = True
        for subscriber in self._all:
            subscriber.tell(None)


def announce(listening: Iterable[Subscriber], revisions: Mapping[int, int]) -> None:
    """Tell everybody whose environment is at another revision; ``revisions`` by live key.

    A subscriber whose key is no longer live is sent away. Another revision, not only a greater one: a
    database restored from a backup goes back.
    """
    for subscriber in listening:
        revision = revisions.get(subscriber.key_id)
        if revision is None:
            subscriber.tell(None)
        elif revision != subscriber.revision:
            subscriber.revision = revision
            subscriber.tell(revision)
