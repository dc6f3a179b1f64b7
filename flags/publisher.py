"""From SQL to the bytes SDKs download: compiled once for each revision, then kept by the caches."""

import hashlib
import logging
from threading import Lock
from typing import Final

from sqlalchemy.orm import Session

from flags import metrics
from flags.cache import CacheDown, CompiledRuleset, MemoryRulesetCache, RulesetCache
from flags.fragments import Fragments
from flags.model import RulesetId
from flags.storage import rulesets
from runtime.collector import collector_paused
from runtime.errors import NotFound

log = logging.getLogger("pointsman.flags")

_STRIPES: Final = 16


def compile_ruleset(
    session: Session, environment_id: int, fragments: Fragments | None = None
) -> CompiledRuleset:
    """The environment's ruleset as it stands in this transaction. NotFound: no such environment.

    ``fragments`` remember what did not change since the last time.
    Equal flags at equal revisions give equal bytes, whatever the database; the ETag is their hash.
    """
    with metrics.COMPILE_SECONDS.time(), collector_paused():
        stored = rulesets.load(session, environment_id)
        if stored is None:
            raise NotFound("environment", str(environment_id))
        body = (fragments or Fragments()).encode(stored)
    return CompiledRuleset(id=stored.id, body=body, etag=hashlib.sha256(body).hexdigest())


def caches_for(redis_url: str | None) -> tuple[RulesetCache, ...]:
    """The process's own memory, and behind it Redis where one is configured."""
    if redis_url is None:
        return (MemoryRulesetCache(),)
    from flags.redis_cache import RedisRulesetCache

    return (MemoryRulesetCache(), RedisRulesetCache(redis_url))


class Publisher:
    """Hands out current rulesets. One for a process, shared by its threads."""

    def __init__(self, caches: tuple[RulesetCache, ...]) -> None:
        """``caches`` are asked in order, the nearest first."""
        self._caches = caches
        self._fragments = Fragments()
        self._stripes = tuple(Lock() for _ in range(_STRIPES))

    def current(self, session: Session, ruleset_id: RulesetId) -> CompiledRuleset:
        """The ruleset of this id, or a newer one if others committed meanwhile. NotFound.

        After a change many SDKs ask at once: the first compiles, the others wait for its result.
        """
        found = self._find(ruleset_id)
        if found is not None:
            return found
        with self._stripes[ruleset_id.environment_id % _STRIPES]:
            found = self._find(ruleset_id)
            if found is None:
                found = compile_ruleset(session, ruleset_id.environment_id, self._fragments)
                self._keep(found, self._caches)
            return found

    def at_hand(self, ruleset_id: RulesetId) -> CompiledRuleset | None:
        """The ruleset of this id, if the nearest cache has it; that one never waits."""
        return _ask(self._caches[0], ruleset_id)

    def _find(self, ruleset_id: RulesetId) -> CompiledRuleset | None:
        for index, cache in enumerate(self._caches):
            found = _ask(cache, ruleset_id)
            if found is not None:
                self._keep(found, self._caches[:index])
                return found
        return None

    def _keep(self, compiled: CompiledRuleset, caches: tuple[RulesetCache, ...]) -> None:
        for cache in caches:
            try:
                cache.put(compiled)
            except CacheDown as error:
                _count_error(cache, error)


def _ask(cache: RulesetCache, ruleset_id: RulesetId) -> CompiledRuleset | None:
    try:
        found = cache.get(ruleset_id)
    except CacheDown as error:
        _count_error(cache, error)
        return None
    metrics.CACHE.labels(cache.tier, "miss" if found is None else "hit").inc()
    return found


def _count_error(cache: RulesetCache, error: CacheDown) -> None:
    metrics.CACHE.labels(cache.tier, "error").inc()
    log.debug("ruleset cache %s: %s", cache.tier, error)
