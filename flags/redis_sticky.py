"""Stored assignments in Redis, in front of SQL: read there first, never believed beyond what SQL once said.

An entry is named by the flag's version, which every change of its rules, every forgotten unit and every
variant taken away raises: what could become untrue is asked for under another name. So it can be empty, lost
or down, but never out of date.
"""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from redis import Redis

from flags import metrics
from flags.cache import CacheDown
from flags.redis_link import RedisLink

# An entry names its unit: it must be gone within the day that forgetting a unit may take.
_KEEP_S: Final = 12 * 3600
_TIER: Final = "redis sticky"


class RedisAssignments:
    """One for a process, shared by its threads. A Redis that is down is counted, and otherwise not there."""

    def __init__(self, url: str) -> None:
        """Connects when first used. ValueError: not a Redis URL."""
        self._link: Final = RedisLink(url)

    def variants_of(self, scope: str, units: Sequence[str]) -> dict[str, str]:
        """The variants of those units that are here. ``scope`` names a flag at a version."""
        if not units:
            return {}
        names = [_name(scope, unit) for unit in units]
        try:
            found = cast("list[bytes | None]", self._link.ask(lambda redis: redis.mget(names)))
        except CacheDown:
            metrics.CACHE.labels(_TIER, "error").inc()
            return {}
        known = {unit: value.decode() for unit, value in zip(units, found, strict=True) if value is not None}
        metrics.CACHE.labels(_TIER, "hit").inc(len(known))
        metrics.CACHE.labels(_TIER, "miss").inc(len(units) - len(known))
        return known

    def keep(self, scope: str, variants: Mapping[str, str]) -> None:
        """Remember what SQL said."""
        if not variants:
            return

        def put(redis: Redis) -> object:
            pipe = redis.pipeline(transaction=False)
            for unit, variant in variants.items():
                pipe.set(_name(scope, unit), variant, ex=_KEEP_S)
            return pipe.execute()

        try:
            self._link.ask(put)
        except CacheDown:
            metrics.CACHE.labels(_TIER, "error").inc()

    def close(self) -> None:
        """Give every connection back."""
        self._link.close()


def _name(scope: str, unit: str) -> str:
    return f"pointsman:sticky:{scope}:{unit}"
