"""Compiled rulesets in Redis, shared by every web process: one of them compiles, the others fetch."""

import hashlib
from collections.abc import Callable
from time import monotonic
from typing import Final

from flags.cache import CacheDown, CompiledRuleset
from flags.model import RulesetId
from flags.redis_link import RedisLink

_KEEP_S: Final = 24 * 3600
_ETAG_LENGTH: Final = 64


class RedisRulesetCache:
    """Entries expire after a day; one that does not match its own checksum is not used."""

    tier: Final = "redis"

    def __init__(self, url: str, *, clock: Callable[[], float] = monotonic) -> None:
        """Connects when first used. ValueError: not a Redis URL."""
        self._link: Final = RedisLink(url, clock=clock)

    def get(self, ruleset_id: RulesetId) -> CompiledRuleset | None:
        found = self._link.ask(lambda redis: redis.get(_name(ruleset_id)))
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
        self._link.ask(lambda redis: redis.set(_name(compiled.id), value, ex=_KEEP_S))

    def close(self) -> None:
        """Give every connection back."""
        self._link.close()


def _name(ruleset_id: RulesetId) -> str:
    return f"pointsman:ruleset:{ruleset_id.environment_id}:{ruleset_id.revision}:{ruleset_id.stamp}"
