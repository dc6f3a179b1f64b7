"""Redis as something that may be away: an outage costs one short timeout, then it is left alone."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from flags.cache import CacheDown

log = logging.getLogger("pointsman.flags")

_TIMEOUT_S: Final = 0.25
# After a failure Redis is left alone this long, so that an outage costs one timeout, not one a request.
_REST_S: Final = 5.0


class RedisLink:
    """One for a process and purpose, shared by its threads. Connects when first used."""

    def __init__(self, url: str, *, clock: Callable[[], float] = monotonic) -> None:
        """ValueError: not a Redis URL."""
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            # One retry: the first failure may only be a pooled connection that a restart left behind.
            retry=Retry(NoBackoff(), 1),
        )
        self._clock = clock
        self._rests_until = 0.0

    def ask(self, command: Callable[[Redis], object]) -> object:
        """What the command answers. CacheDown: Redis failed, now or a moment ago."""
        if self._clock() < self._rests_until:
            raise CacheDown("Redis failed a moment ago and is left alone")
        try:
            return command(self._redis)
        except RedisError as error:
            self._rests_until = self._clock() + _REST_S
            log.warning("Redis is left alone for %.0f s, answers come from SQL: %s", _REST_S, error)
            raise CacheDown(str(error)) from error

    def close(self) -> None:
        """Give every connection back."""
        self._redis.close()
