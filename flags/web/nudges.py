"""Nudges from Redis, so that a stream server looks at once instead of at the next second."""

import asyncio
import logging
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from flags.notices import CHANNEL

log = logging.getLogger("pointsman.stream")

_RETRY_S: Final = 5.0
_TIMEOUT_S: Final = 2.0


class Nudges:
    """For one event loop."""

    def __init__(self, redis_url: str | None) -> None:
        """None: there is no Redis, and nobody nudges."""
        self._url = redis_url
        self._nudged = asyncio.Event()

    async def wait(self, most_s: float) -> None:
        """Return at the next nudge, or after so many seconds without one."""
        try:
            await asyncio.wait_for(self._nudged.wait(), most_s)
        except TimeoutError:
            return
        self._nudged.clear()

    async def listen(self) -> None:
        """Take nudges for ever; a lost Redis is asked again every few seconds."""
        while self._url is not None:
            try:
                await self._take(self._url)
            except (RedisError, OSError) as error:
                log.warning("no nudges from Redis for now, the database is looked at as always: %s", error)
            # Whatever was said while nobody listened.
            self._nudged.set()
            await asyncio.sleep(_RETRY_S)

    async def _take(self, url: str) -> None:
        async with Redis.from_url(url, socket_connect_timeout=_TIMEOUT_S) as redis, redis.pubsub() as channel:
            await channel.subscribe(CHANNEL)
            async for message in channel.listen():
                if message["type"] == "message":
                    self._nudged.set()
