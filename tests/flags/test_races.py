"""Many authors at once: nothing is lost, nothing is half done, nobody waits in a circle."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest
from sqlalchemy import func, select

from flags import queries, service
from flags.guards import By
from flags.model import FlagEdit, NewFlag
from flags.publisher import compile_ruleset
from flags.storage import flags, states
from pointsman.core.codec import decode
from pointsman.core.model import Json, Kind
from runtime.actors import Actor, ActorKind
from runtime.audit import AuditRow
from runtime.database import Database
from runtime.errors import Conflict, Invalid
from tests.flags.making import ANNA, PROD, demo, project, split, targeting

THREADS, EDITS = 8, 25

T = TypeVar("T")


def together(work: Sequence[Callable[[], T]]) -> list[T]:
    """Run all of it at the same moment, one thread each; the first error is raised."""
    start = Barrier(len(work))

    def run(each: Callable[[], T]) -> T:
        start.wait()
        return each()

    with ThreadPoolExecutor(len(work)) as pool:
        return [future.result() for future in [pool.submit(run, each) for each in work]]


def persistent(database: Database, author: By) -> Callable[[], list[Conflict]]:
    """An author who makes 25 edits, starting over with the current version after each conflict."""

    def work() -> list[Conflict]:
        made, conflicts = 0, []
        while made < EDITS:
            with database.reading() as session:
                state = queries.get_state(session, PROD)
            try:
                with database.session() as session:
                    service.set_enabled(
                        session, author, PROD, enabled=not state.enabled, expected_version=state.version
                    )
            except Conflict as conflict:
                conflicts.append(conflict)
            else:
                made += 1
        return conflicts

    return work


def test_no_edit_is_lost_and_every_commit_is_audited(database: Database) -> None:
    with database.session() as session:
        demo(session)
    authors = [By(Actor(ActorKind.PERSON, f"admin-{number}@example.org")) for number in range(THREADS)]

    conflicts = together([persistent(database, author) for author in authors])

    assert all(each.actual == each.theirs["version"] > each.expected for own in conflicts for each in own)
    with database.reading() as session:
        toggles = select(AuditRow.actor, func.count()).where(AuditRow.action == "flag.toggle")
        audited = session.execute(toggles.group_by(AuditRow.actor)).all()
        assert sorted(tuple(row) for row in audited) == sorted((by.actor.name, EDITS) for by in authors)
        state = queries.get_state(session, PROD)
        assert state.version == 1 + THREADS * EDITS
        assert not state.enabled
        history = queries.list_revisions(session, "demo", "prod", limit=1_000)
        assert [each.revision for each in history] == list(range(1 + THREADS * EDITS, 0, -1))


def test_a_write_on_top_of_another_version_never_happens(database: Database) -> None:
    with database.session() as session:
        ranker = demo(session)
        seen = queries.get_state(session, PROD)
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)

        assert not states.change(session, seen, seen)
        assert not flags.change(session, ranker.id, 9, {"name": "lost"})
        assert queries.get_state(session, PROD).enabled


def test_edits_of_the_flag_and_of_its_targeting_never_publish_a_broken_ruleset(database: Database) -> None:
    with database.session() as session:
        demo(session)
    with_v3: dict[str, Json] = {name: {"model": name} for name in ("v1", "v2", "v3")}

    def change_variants() -> None:
        for turn in range(EDITS):
            variants = with_v3 if turn % 2 == 0 else {"v1": with_v3["v1"], "v2": with_v3["v2"]}
            with database.session() as session:
                version = queries.get_flag(session, "demo", "ranker").flag.version
                try:
                    with session.begin_nested():
                        service.edit_flag(
                            session,
                            ANNA,
                            "demo",
                            "ranker",
                            FlagEdit(variants=variants),
                            expected_version=version,
                        )
                except (Invalid, Conflict):
                    continue

    def change_default() -> None:
        for turn in range(EDITS):
            with database.reading() as session:
                version = queries.get_state(session, PROD).version
            draft = targeting(split(50, 50), default="v3" if turn % 2 == 0 else "v1")
            try:
                with database.session() as session:
                    service.set_targeting(session, ANNA, PROD, draft, expected_version=version)
            except (Invalid, Conflict):
                continue

    def read() -> None:
        for _ in range(EDITS):
            with database.reading() as session:
                environment = queries.get_environment(session, "demo", "prod")
                decode(compile_ruleset(session, environment.id).body)

    together([change_variants, change_default, change_default, read])

    with database.reading() as session:
        environment = queries.get_environment(session, "demo", "prod")
        history = queries.list_revisions(session, "demo", "prod", limit=1_000)
        assert environment.revision == len(history)
        decode(compile_ruleset(session, environment.id).body)


def test_one_key_is_given_to_one_flag(database: Database) -> None:
    with database.session() as session:
        project(session)

    def create() -> bool:
        try:
            with database.session() as session:
                new = NewFlag(key="same", kind=Kind.BOOLEAN, variants={"on": True})
                service.create_flag(session, ANNA, "demo", new)
        except Invalid:
            return False
        return True

    assert sorted(together([create] * THREADS)) == [False] * (THREADS - 1) + [True]


def test_one_key_is_given_to_one_project(database: Database) -> None:
    def create() -> bool:
        try:
            with database.session() as session:
                project(session)
        except Invalid:
            return False
        return True

    assert sorted(together([create] * THREADS)) == [False] * (THREADS - 1) + [True]


def test_flags_and_environments_made_at_once_meet_in_full(database: Database) -> None:
    with database.session() as session:
        project(session)

    def flag(number: int) -> Callable[[], None]:
        def create() -> None:
            with database.session() as session:
                new = NewFlag(key=f"f{number}", kind=Kind.BOOLEAN, variants={"on": True})
                service.create_flag(session, ANNA, "demo", new)

        return create

    def environment(number: int) -> Callable[[], None]:
        def create() -> None:
            with database.session() as session:
                service.create_environment(session, ANNA, "demo", f"e{number}")

        return create

    together([make(number) for number in range(4) for make in (flag, environment)])

    with database.reading() as session:
        found = queries.list_flags(session, "demo").items
        assert [len(detail.states) for detail in found] == [3 + 4] * 4


@pytest.mark.parametrize("command", ["event", "read"])
def test_nobody_who_only_refers_to_an_environment_waits_for_its_authors(
    postgresql_database: Database, command: str
) -> None:
    with postgresql_database.session() as session:
        demo(session)

    with postgresql_database.session() as author:
        service.set_enabled(author, ANNA, PROD, enabled=True, expected_version=1)
        with postgresql_database.session() as other:
            other.connection().exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
            if command == "read":
                assert not queries.get_state(other, PROD).enabled
            else:
                other.connection().exec_driver_sql("SELECT id FROM environments FOR KEY SHARE")

    with postgresql_database.reading() as session:
        assert queries.get_state(session, PROD).enabled
