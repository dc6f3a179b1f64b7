import hashlib
import json

import pytest
from sqlalchemy import update

from flags import queries, service
from flags.cache import MemoryRulesetCache
from flags.encoding import served_json
from flags.fragments import Fragments
from flags.model import NewFlag, RulesetId
from flags.publisher import Publisher, caches_for, compile_ruleset
from flags.storage.tables import FlagStateRow
from pointsman.core.bucketing import bucket
from pointsman.core.codec import CodecError, decode, encode
from pointsman.core.model import Kind
from pointsman.core.splits import owner
from runtime.database import Database
from runtime.errors import NotFound
from tests.flags.making import ANNA, DEV, GERMANS, PROD, demo, flag, project, split, targeting


def fill(database: Database, *, others_first: int = 0) -> bytes:
    """The prod ruleset after a little life; ``others_first`` projects make the database's ids differ."""
    with database.session() as session:
        for number in range(others_first):
            project(session, f"other-{number}")
        demo(session)
        flag(session, "unused")
        toggle = NewFlag(key="toggle", kind=Kind.BOOLEAN, variants={"on": True, "off": False}, off="off")
        service.create_flag(session, ANNA, "demo", toggle)
        rules = (split(0, 100, conditions=(GERMANS,)), split(90, 10))
        service.set_targeting(session, ANNA, PROD, targeting(*rules), expected_version=1)
        again = (split(0, 100, rule="r1", conditions=(GERMANS,)), split(55, 45, rule="r2"))
        service.set_targeting(session, ANNA, PROD, targeting(*again), expected_version=2)
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=3)
        environment = queries.get_environment(session, "demo", "prod")
        return compile_ruleset(session, environment.id).body


def test_equal_flags_are_equal_bytes_and_assignments_on_both_databases(
    sqlite_database: Database, postgresql_database: Database
) -> None:
    ours, theirs = fill(sqlite_database), fill(postgresql_database, others_first=3)

    assert ours == theirs
    flags = [decode(body).flags["ranker"] for body in (ours, theirs)]
    for number in range(10_000):
        variants = {owner(each.rules[1].split, bucket(each.salt, f"user-{number}")) for each in flags}
        assert len(variants) == 1


def test_a_ruleset_holds_what_was_stored(database: Database) -> None:
    ruleset = decode(fill(database))

    assert (ruleset.project, ruleset.environment, ruleset.revision) == ("demo", "prod", 6)
    assert list(ruleset.flags) == ["ranker", "toggle", "unused"]
    assert ruleset.flags["ranker"].enabled
    assert ruleset.flags["ranker"].salt == "demo/ranker"
    assert [rule.id for rule in ruleset.flags["ranker"].rules] == ["r1", "r2"]


def test_an_environment_without_flags_is_an_empty_ruleset(database: Database) -> None:
    with database.session() as session:
        project(session)
        environment = queries.get_environment(session, "demo", "prod")
        compiled = compile_ruleset(session, environment.id)

        assert decode(compiled.body).flags == {}
        assert compiled.etag == hashlib.sha256(compiled.body).hexdigest()
        with pytest.raises(NotFound):
            compile_ruleset(session, 999)


def test_a_revision_keeps_the_flag_as_the_ruleset_spells_it(database: Database) -> None:
    body = fill(database)

    with database.reading() as session:
        latest = queries.list_revisions(session, "demo", "prod", limit=1)[0]
    assert latest.after == json.loads(body)["flags"]["ranker"]


def test_a_broken_flag_can_still_be_switched_off(database: Database) -> None:
    with database.session() as session:
        demo(session)
        on = service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)
        session.execute(update(FlagStateRow).values(default_variant="gone"))

        off = service.set_enabled(session, ANNA, PROD, enabled=False, expected_version=on.version)

        assert not off.enabled


def test_an_unserved_flag_has_no_spelling() -> None:
    assert served_json(None) is None


def ruleset_id(database: Database, environment: str = "prod") -> RulesetId:
    with database.session() as session:
        secret = service.create_sdk_key(session, ANNA, "demo", environment, name="test").secret
        return queries.authenticate(session, secret).ruleset


def test_a_ruleset_is_compiled_once_for_each_revision(database: Database) -> None:
    with database.session() as session:
        demo(session)
    publisher = Publisher((MemoryRulesetCache(),))
    first = ruleset_id(database)

    with database.session() as session:
        once, twice = publisher.current(session, first), publisher.current(session, first)
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)
    second = ruleset_id(database)
    with database.reading() as session:
        after = publisher.current(session, second)

    assert once is twice
    assert (once.revision, after.revision) == (1, 2)
    assert once.etag != after.etag


def test_another_environments_change_leaves_the_ruleset_alone(database: Database) -> None:
    with database.session() as session:
        demo(session)
    before = ruleset_id(database)

    with database.session() as session:
        service.set_enabled(session, ANNA, DEV, enabled=True, expected_version=1)

    assert ruleset_id(database) == before


def test_memory_alone_serves_where_no_redis_is_configured() -> None:
    assert [cache.tier for cache in caches_for(None)] == ["memory"]
    assert [cache.tier for cache in caches_for("unix:///nowhere.sock")] == ["memory", "redis"]


def test_compiling_again_gives_what_compiling_afresh_gives(database: Database) -> None:
    with database.session() as session:
        demo(session)
        for key in ("a-b", "a", "a.c", "z_0"):
            flag(session, key)
        environment = queries.get_environment(session, "demo", "prod")
        fragments = Fragments()
        first = compile_ruleset(session, environment.id, fragments)

        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)
        again = compile_ruleset(session, environment.id, fragments)
        afresh = compile_ruleset(session, environment.id)

    assert again.body == afresh.body == encode(decode(again.body))
    assert first.body != again.body
    assert decode(again.body).flags["ranker"].enabled


def test_a_broken_flag_is_named_when_a_ruleset_is_compiled(database: Database) -> None:
    with database.session() as session:
        demo(session)
        environment = queries.get_environment(session, "demo", "prod")
        fragments = Fragments()
        compile_ruleset(session, environment.id, fragments)
        session.execute(update(FlagStateRow).values(default_variant="gone", enabled=True))

        with pytest.raises(CodecError, match=r"flags\.ranker\.default"):
            compile_ruleset(session, environment.id, fragments)
