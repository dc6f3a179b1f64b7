"""Compiled rulesets in Redis, shared by every web process: one of them compiles, the others fetch."""

import hashlib
import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from flags.cache import CacheDown, CompiledRuleset
from flags.model import RulesetId

log = logging.getLogger("pointsman.flags")

_KEEP_S: Final = 24 * 3600
_TIMEOUT_S: Final = 0.25
# After a failure Redis is left alone this long, so that an outage costs one timeout, not one a request.
_REST_S: Final = 5.0
_ETAG_LENGTH: Final = 64


class RedisRulesetCache:
    """Entries expire after a day; one that does not match its own checksum is not used."""

    tier: Final = "redis"

    def __init__(self, url: str, *, clock: Callable[[], float] = monotonic) -> None:
        """Connects when first used. ValueError: not a Redis URL."""
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            # One retry: the first failure may only be a pooled connection that a restart left behind.
            retry=Retry(NoBackoff(), 1),
        )
        self._clock = clock
        self._rests_until = 0.0

    def get(self, ruleset_id: RulesetId) -> CompiledRuleset | None:
        found = self._call(lambda: self._redis.get(_name(ruleset_id)))
        if found is None:
            return None
        if not isinstance(found, bytes):
            raise CacheDown("Redis answers text; the URL must not set decode_responses")
        etag, body = found[:_ETAG_LENGTH].decode("ascii", "replace"), found[_ETAG_LENGTH:]
        if hashlib.sha256(body).hexdigest() != etag:
            raise CacheDown("the entry does not match its checksum")
        return CompiledRuleset(id=ruleset_id, body=body, etag=etag)

    def put(self, compiled: CompiledRuleset) -> None:
        value = compiled.etag.encode("ascii") + compiled.body
        self._call(lambda: self._redis.set(_name(compiled.id), value, ex=_KEEP_S))

    def close(self) -> None:
        """Give every connection back."""
        self._redis.close()

    def _call(self, command: Callable[[], object]) -> object:
        if self._clock() < self._rests_until:
            raise CacheDown("Redis failed a moment ago and is left alone")
        try:
            return command()
        except RedisError as error:
            self._rests_until = self._clock() + _REST_S
            log.warning("Redis is left alone for %.0f s, rulesets come from SQL: %s", _REST_S, error)
            raise CacheDown(str(error)) from error


def _name(ruleset_id: RulesetId) -> str:
    return f"pointsman:ruleset:{ruleset_id.environment_id}:{ruleset_id.revision}:{ruleset_id.stamp}"
