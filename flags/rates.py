"""How often each key may ask. Pure but for the lock."""

from collections.abc import Callable
from math import ceil
from threading import Lock
from time import monotonic
from typing import Final

from runtime.errors import TooMany

_MOST_KEYS: Final = 10_000


class Rates:
    """A bucket of tokens for each key, in this process: a second's worth at most, refilled evenly."""

    def __init__(self, per_second: int, *, clock: Callable[[], float] = monotonic) -> None:
        """0 per second: no limit."""
        self._per_second, self._clock = per_second, clock
        self._buckets: dict[int, tuple[float, float]] = {}
        self._lock = Lock()

    def take(self, key_id: int) -> None:
        """Count one request of this key. TooMany: it has had its share."""
        if not self._per_second:
            return
        with self._lock:
            now = self._clock()
            left, at = self._buckets.get(key_id, (float(self._per_second), now))
            left = min(float(self._per_second), left + (now - at) * self._per_second)
            if left < 1:
                problem = f"this key may ask {self._per_second} times a second; ask less often"
                raise TooMany(problem, retry_after_s=max(1, ceil((1 - left) / self._per_second)))
            if len(self._buckets) >= _MOST_KEYS:
                self._buckets = {}
            self._buckets[key_id] = (left - 1, now)
