"""How much is too much, and the last lines of defence."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from sqlalchemy.orm import Session

from flags import limits, queries, service
from flags.cache import CacheDown, CompiledRuleset
from flags.guards import By, Change
from flags.model import FlagEdit, RulesetId
from flags.redis_cache import RedisRulesetCache
from flags.storage import flags, states
from runtime.database import Database
from runtime.errors import Conflict, Invalid
from tests.flags.making import ANNA, PROD, demo, flag
from tests.servers import RedisServer


def test_a_project_holds_so_many_flags(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FLAGS_PER_PROJECT", 1)

    with sqlite_database.session() as session:
        demo(session)
        with pytest.raises(Invalid, match="at most 1 flags"):
            flag(session, "second")


def test_a_project_holds_so_many_environments(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ENVIRONMENTS_PER_PROJECT", 3)

    with sqlite_database.session() as session:
        demo(session)
        with pytest.raises(Invalid, match="at most 3 environments"):
            service.create_environment(session, ANNA, "demo", "fourth")


def test_a_detail_knows_its_environments(sqlite_database: Database) -> None:
    with sqlite_database.session() as session:
        demo(session)
        detail = queries.get_flag(session, "demo", "ranker")

        assert detail.state("prod") == queries.get_state(session, PROD)
        with pytest.raises(KeyError):
            detail.state("nowhere")


@dataclass
class Meddler:
    """A guard that breaks its word and writes."""

    write: Callable[[Session], object]

    def check(self, session: Session, change: Change) -> None:
        self.write(session)


def test_a_state_changed_behind_the_commands_back_is_a_conflict(sqlite_database: Database) -> None:
    def write(session: Session) -> None:
        stored = queries.get_state(session, PROD)
        states.change(session, stored, replace(stored, version=6))

    with pytest.raises(Conflict) as error, sqlite_database.session() as session:
        demo(session)
        by = By(ANNA.actor, "", (Meddler(write),))
        service.set_enabled(session, by, PROD, enabled=True, expected_version=1)

    assert (error.value.expected, error.value.actual) == (1, 6)


def test_a_flag_changed_behind_the_commands_back_is_a_conflict(sqlite_database: Database) -> None:
    def write(session: Session) -> None:
        stored = queries.get_flag(session, "demo", "ranker").flag
        flags.change(session, stored.id, stored.version, {"name": "meddled"})

    with pytest.raises(Conflict) as error, sqlite_database.session() as session:
        demo(session)
        by = By(ANNA.actor, "", (Meddler(write),))
        edit = FlagEdit(variants={"v1": {"model": "a"}})
        service.edit_flag(session, by, "demo", "ranker", edit, expected_version=1)

    assert error.value.theirs["name"] == "meddled"


@pytest.mark.redis
def test_redis_that_answers_text_is_not_used(redis_server: RedisServer) -> None:
    cache = RedisRulesetCache(f"{redis_server.url}?decode_responses=true")
    ruleset = CompiledRuleset(
        id=RulesetId(environment_id=1, revision=1, stamp="s"), body=b"{}", etag="0" * 64
    )
    cache.put(ruleset)

    with pytest.raises(CacheDown, match="decode_responses"):
        cache.get(ruleset.id)
    cache.close()
