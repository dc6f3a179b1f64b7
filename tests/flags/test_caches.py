"""One contract for every ruleset cache, and what an outage of Redis costs: nothing but time."""

import hashlib
from collections.abc import Iterator

import pytest
from redis import Redis

from flags import queries, service
from flags.cache import CacheDown, CompiledRuleset, MemoryRulesetCache, RulesetCache
from flags.model import RulesetId
from flags.publisher import Publisher
from flags.redis_cache import RedisRulesetCache
from runtime.database import Database
from tests.flags.making import ANNA, counted, demo
from tests.servers import RedisServer


def compiled(
    revision: int, body: bytes = b"{}", *, stamp: str = "s1", environment: int = 1
) -> CompiledRuleset:
    return CompiledRuleset(
        id=RulesetId(environment_id=environment, revision=revision, stamp=stamp),
        body=body,
        etag=hashlib.sha256(body).hexdigest(),
    )


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def redis_cache(redis_server: RedisServer, clock: Clock) -> Iterator[RedisRulesetCache]:
    made = RedisRulesetCache(redis_server.url, clock=clock)
    yield made
    made.close()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def cache(request: pytest.FixtureRequest) -> RulesetCache:
    if request.param == "memory":
        return MemoryRulesetCache()
    made: RulesetCache = request.getfixturevalue("redis_cache")
    return made


def test_what_was_put_is_got(cache: RulesetCache) -> None:
    ruleset = compiled(1, '{"ü":"\\u0000"}'.encode() * 1_000)

    cache.put(ruleset)

    assert cache.get(ruleset.id) == ruleset


def test_what_was_never_put_is_missing(cache: RulesetCache) -> None:
    assert cache.get(compiled(1).id) is None


@pytest.mark.parametrize(
    "other", [compiled(2), compiled(1, stamp="s2"), compiled(1, environment=2)], ids=lambda it: str(it.id)
)
def test_only_the_very_same_id_answers(cache: RulesetCache, other: CompiledRuleset) -> None:
    cache.put(compiled(1))

    assert cache.get(other.id) is None


def test_putting_twice_is_putting_once(cache: RulesetCache) -> None:
    cache.put(compiled(1))
    cache.put(compiled(1))

    assert cache.get(compiled(1).id) == compiled(1)


def test_a_cache_names_its_tier(cache: RulesetCache) -> None:
    assert cache.tier in {"memory", "redis"}


def test_memory_forgets_the_least_recently_used() -> None:
    cache = MemoryRulesetCache(most_bytes=25)
    for revision in (1, 2):
        cache.put(compiled(revision, b"0123456789"))
    cache.get(compiled(1).id)

    cache.put(compiled(3, b"0123456789"))

    assert [cache.get(compiled(revision).id) is not None for revision in (1, 2, 3)] == [True, False, True]


def test_memory_keeps_the_newest_however_large() -> None:
    cache = MemoryRulesetCache(most_bytes=5)
    cache.put(compiled(1, b"1"))

    cache.put(compiled(2, b"0123456789"))
    assert cache.get(compiled(1).id) is None
    assert cache.get(compiled(2).id) is not None

    cache.put(compiled(3, b"1"))
    assert cache.get(compiled(2).id) is None
    assert cache.get(compiled(3).id) is not None


@pytest.mark.redis
def test_redis_forgets_at_flushall_and_after_a_day(
    redis_cache: RedisRulesetCache, redis_server: RedisServer
) -> None:
    redis_cache.put(compiled(1))
    with Redis.from_url(redis_server.url) as client:
        (name,) = client.keys()
        assert 0 < client.ttl(name) <= 24 * 3600

    redis_server.flush()

    assert redis_cache.get(compiled(1).id) is None


@pytest.mark.redis
@pytest.mark.parametrize("rubbish", [b"", b"rubbish", b"\xff" * 200])
def test_redis_never_answers_with_a_damaged_entry(
    redis_cache: RedisRulesetCache, redis_server: RedisServer, rubbish: bytes
) -> None:
    redis_cache.put(compiled(1))
    with Redis.from_url(redis_server.url) as client:
        (name,) = client.keys()
        client.set(name, rubbish)

    with pytest.raises(CacheDown, match="checksum"):
        redis_cache.get(compiled(1).id)


@pytest.mark.redis
def test_redis_that_failed_is_left_alone_and_then_asked_again(
    redis_cache: RedisRulesetCache, redis_server: RedisServer, clock: Clock
) -> None:
    redis_cache.put(compiled(1))
    redis_server.stop()
    with pytest.raises(CacheDown):
        redis_cache.get(compiled(1).id)
    redis_server.start()

    with pytest.raises(CacheDown, match="left alone"):
        redis_cache.put(compiled(2))
    clock.now = 5.0

    assert redis_cache.get(compiled(1).id) is None
    redis_cache.put(compiled(2))
    assert redis_cache.get(compiled(2).id) == compiled(2)


@pytest.mark.redis
def test_an_outage_of_redis_is_counted_and_changes_no_answer(
    database: Database, redis_cache: RedisRulesetCache, redis_server: RedisServer
) -> None:
    with database.session() as session:
        demo(session)
        key = service.create_sdk_key(session, ANNA, "demo", "prod", name="test")
        ruleset_id = queries.authenticate(session, key.secret).ruleset
    before = _errors()

    with database.reading() as session:
        with_redis = Publisher((redis_cache,)).current(session, ruleset_id)
        redis_server.stop()
        without = Publisher((redis_cache,)).current(session, ruleset_id)

    assert without == with_redis
    assert _errors() > before


@pytest.mark.redis
def test_what_one_process_compiled_another_fetches(
    database: Database, redis_cache: RedisRulesetCache
) -> None:
    with database.session() as session:
        demo(session)
        key = service.create_sdk_key(session, ANNA, "demo", "prod", name="test")
        ruleset_id = queries.authenticate(session, key.secret).ruleset
    near = MemoryRulesetCache()

    with database.reading() as session:
        made = Publisher((MemoryRulesetCache(), redis_cache)).current(session, ruleset_id)
        compiles = _compiles()
        fetched = Publisher((near, redis_cache)).current(session, ruleset_id)

    assert fetched == made
    assert near.get(ruleset_id) == made
    assert _compiles() == compiles


def _compiles() -> float:
    return counted("pointsman_ruleset_compile_seconds_count")


def _errors() -> float:
    return counted("pointsman_ruleset_cache_total", tier="redis", result="error")
