"""Every command: what it does, and the trace it leaves."""

import pytest

from flags import queries, service
from flags.guards import By
from flags.model import FlagEdit, NewFlag
from pointsman.core.model import Json, Kind, Range
from runtime import audit
from runtime.database import Database
from runtime.errors import Invalid, Locked, NotFound, PointsmanError
from tests.flags.making import (
    ANNA,
    BERT,
    DEV,
    GERMANS,
    PROD,
    V1,
    V2,
    actions,
    demo,
    flag,
    project,
    revision,
    split,
    targeting,
)


def test_a_project_begins_with_three_environments(database: Database) -> None:
    with database.session() as session:
        made = service.create_project(session, ANNA, "demo", name="Demo")

    with database.reading() as session:
        assert queries.get_project(session, "demo") == made
        assert [each.key for each in queries.list_environments(session, "demo")] == ["dev", "staging", "prod"]
        assert actions(session) == ["project.create"]


def test_a_projects_key_is_taken_once(database: Database) -> None:
    with database.session() as session:
        project(session)
        with pytest.raises(Invalid) as error:
            service.create_project(session, ANNA, "demo")
        assert error.value.field == "key"
        project(session, "second")

    with database.reading() as session:
        assert [each.key for each in queries.list_projects(session)] == ["demo", "second"]


def test_a_new_environment_holds_every_flag_switched_off(database: Database) -> None:
    with database.session() as session:
        demo(session)
        service.create_environment(session, ANNA, "demo", "canary", name="Canary")

        states = queries.get_flag(session, "demo", "ranker").states
        assert [(state.environment, state.enabled) for state in states][-1] == ("canary", False)
        assert actions(session)[-1] == "environment.create"
        with pytest.raises(Invalid):
            service.create_environment(session, ANNA, "demo", "canary")


def test_a_new_flag_is_off_everywhere_and_in_every_ruleset(database: Database) -> None:
    with database.session() as session:
        made = demo(session)

        detail = queries.get_flag(session, "demo", "ranker")
        assert detail.flag == made
        assert made.salt == "demo/ranker"
        assert list(made.variants) == ["v1", "v2"]
        assert [(each.enabled, each.off, each.default, each.version) for each in detail.states] == [
            (False, "v1", "v1", 1)
        ] * 3
        assert [revision(session, each) for each in ("dev", "staging", "prod")] == [1, 1, 1]
        assert actions(session) == ["project.create", "flag.create"]


def test_a_flags_key_is_taken_once_even_by_an_archived_flag(database: Database) -> None:
    with database.session() as session:
        demo(session)
        with pytest.raises(Invalid, match="a flag 'ranker' exists"):
            flag(session)
        service.archive_flag(session, ANNA, "demo", "ranker", expected_version=1)
        with pytest.raises(Invalid, match="an archived flag 'ranker' exists"):
            flag(session)


def test_a_flag_begins_on_the_variants_asked_for(database: Database) -> None:
    with database.session() as session:
        project(session)
        new = NewFlag(key="new", kind=Kind.STRING, variants={"a": "x", "b": "y"}, off="b", default="b")
        service.create_flag(session, ANNA, "demo", new)

        assert {(each.off, each.default) for each in queries.get_flag(session, "demo", "new").states} == {
            ("b", "b")
        }


def test_an_edit_of_variants_reaches_every_environment(database: Database) -> None:
    with database.session() as session:
        before = demo(session)
        variants: dict[str, Json] = {"v1": V1, "v2": V2, "v3": {"model": "huge"}}

        edited = service.edit_flag(
            session, BERT, "demo", "ranker", FlagEdit(variants=variants), expected_version=1
        )

        detail = queries.get_flag(session, "demo", "ranker")
        assert detail.flag == edited
        assert (edited.version, edited.salt) == (2, before.salt)
        assert [state.version for state in detail.states] == [2, 2, 2]
        assert [revision(session, each) for each in ("dev", "staging", "prod")] == [2, 2, 2]
        entry = audit.entries(session)[0]
        assert (entry.action, entry.subject, entry.actor) == ("flag.edit", "demo/*/ranker", BERT.actor)
        assert entry.details["changed"] == {"variants": {"added": ["v3"], "removed": [], "changed": []}}


def test_a_rename_touches_no_ruleset_and_never_the_salt(database: Database) -> None:
    with database.session() as session:
        demo(session)

        edited = service.edit_flag(
            session, ANNA, "demo", "ranker", FlagEdit(name="Ranking"), expected_version=1
        )

        assert (edited.name, edited.version, edited.salt) == ("Ranking", 2, "demo/ranker")
        assert revision(session) == 1
        assert actions(session)[-1] == "flag.edit"


def test_a_payload_that_changes_from_1_to_true_is_a_change(database: Database) -> None:
    with database.session() as session:
        project(session)
        service.create_flag(
            session, ANNA, "demo", NewFlag(key="ranker", kind=Kind.JSON, variants={"a": {"on": 1}})
        )

        edited = service.edit_flag(
            session, ANNA, "demo", "ranker", FlagEdit(variants={"a": {"on": True}}), expected_version=1
        )

        assert edited.version == 2
        stored = queries.get_flag(session, "demo", "ranker").flag.variants
        assert repr(stored) == "{'a': {'on': True}}"


def test_changes_that_change_nothing_leave_no_trace(database: Database) -> None:
    with database.session() as session:
        before = demo(session)
        traces = actions(session)

        service.edit_flag(session, ANNA, "demo", "ranker", FlagEdit(name=before.name), expected_version=1)
        service.set_enabled(session, ANNA, PROD, enabled=False, expected_version=1)
        service.set_targeting(session, ANNA, PROD, targeting(), expected_version=1)

        assert actions(session) == traces
        assert revision(session) == 1


def test_a_variant_that_still_serves_cannot_be_removed(database: Database) -> None:
    with database.session() as session:
        demo(session)
        service.set_targeting(session, ANNA, DEV, targeting(split(50, 50)), expected_version=1)

        with pytest.raises(Invalid) as error:
            service.edit_flag(
                session, ANNA, "demo", "ranker", FlagEdit(variants={"v1": V1}), expected_version=1
            )

        assert error.value.field == "rules.r1"


def test_the_kill_switch_works_in_one_environment(database: Database) -> None:
    with database.session() as session:
        demo(session)

        on = service.set_enabled(session, By(ANNA.actor, "launch"), PROD, enabled=True, expected_version=1)
        off = service.set_enabled(session, ANNA, PROD, enabled=False, expected_version=on.version)

        assert (on.enabled, on.version, off.enabled, off.version) == (True, 2, False, 3)
        assert not queries.get_state(session, DEV).enabled
        assert (revision(session, "prod"), revision(session, "dev")) == (3, 1)
        entry = audit.entries(session, subject="demo/prod/ranker")[-1]
        assert entry.details == {"revision": 2, "version": 2, "enabled": True, "reason": "launch"}


def test_targeting_keeps_units_in_place(database: Database) -> None:
    with database.session() as session:
        demo(session)

        first = service.set_targeting(
            session,
            ANNA,
            PROD,
            targeting(split(0, 100, conditions=(GERMANS,)), split(90, 10)),
            expected_version=1,
        )
        draft = targeting(
            split(0, 100, rule="r1", conditions=(GERMANS,)), split(80, 20, rule="r2"), default="v2"
        )
        second = service.set_targeting(session, ANNA, PROD, draft, expected_version=2)

        assert first.rules[1].split == (Range(0, 90_000, "v1"), Range(90_000, 100_000, "v2"))
        assert second.rules[1].split == (Range(0, 80_000, "v1"), Range(80_000, 100_000, "v2"))
        assert (second.default, second.version) == ("v2", 3)
        assert queries.get_state(session, PROD) == second


def test_a_preview_writes_nothing(database: Database) -> None:
    with database.session() as session:
        demo(session)

    with database.reading() as session:
        found = service.preview_targeting(session, PROD, targeting(split(90, 10)))
        assert found.moved == 10_000
        assert revision(session) == 1
        with pytest.raises(Invalid):
            service.preview_targeting(session, PROD, targeting(default="v9"))


def test_an_archived_flag_is_served_nowhere_until_it_is_restored(database: Database) -> None:
    with database.session() as session:
        demo(session)
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)

        archived = service.archive_flag(session, ANNA, "demo", "ranker", expected_version=1)
        with pytest.raises(Locked):
            service.set_enabled(session, ANNA, PROD, enabled=False, expected_version=3)
        restored = service.restore_flag(session, ANNA, "demo", "ranker", expected_version=archived.version)

        assert (archived.archived_at is not None, restored.archived_at) == (True, None)
        assert queries.get_state(session, PROD).enabled
        history = queries.list_revisions(session, "demo", "prod")
        assert [each.action for each in history] == [
            "flag.restore",
            "flag.archive",
            "flag.toggle",
            "flag.create",
        ]
        assert (history[1].after, history[3].before) == (None, None)
        with pytest.raises(Locked):
            service.restore_flag(session, ANNA, "demo", "ranker", expected_version=3)


def test_a_revision_tells_who_what_and_why(database: Database) -> None:
    with database.session() as session:
        demo(session)
        service.set_enabled(session, By(BERT.actor, "it works"), PROD, enabled=True, expected_version=1)

        found = queries.get_revision(session, "demo", "prod", 2)

        assert (found.actor, found.reason, found.flag, found.action) == (
            BERT.actor,
            "it works",
            "ranker",
            "flag.toggle",
        )
        assert found.before is not None
        assert found.after == {**found.before, "enabled": True, "version": 2}


def test_an_sdk_key_opens_its_environment_until_it_is_revoked(database: Database) -> None:
    with database.session() as session:
        demo(session)
        made = service.create_sdk_key(session, ANNA, "demo", "prod", name="shop")

        access = queries.authenticate(session, made.secret)
        assert made.secret.startswith("psk_prod_")
        assert len(made.secret) >= len("psk_prod_") + 32
        assert made.secret.startswith(made.key.prefix)
        assert (access.project, access.environment, access.ruleset.revision) == ("demo", "prod", 1)
        assert queries.list_sdk_keys(session, "demo", "prod") == (made.key,)

        service.revoke_sdk_key(session, ANNA, "demo", "prod", made.key.id)
        with pytest.raises(PointsmanError):
            queries.authenticate(session, made.secret)
        with pytest.raises(NotFound):
            service.revoke_sdk_key(session, ANNA, "demo", "prod", made.key.id)
        assert actions(session)[-2:] == ["key.create", "key.revoke"]
        assert made.secret not in str(audit.entries(session))


@pytest.mark.parametrize("name", ["", "  ", "a" * 201, "a\x00"])
def test_a_key_needs_a_name(database: Database, name: str) -> None:
    with database.session() as session:
        project(session)
        with pytest.raises(Invalid) as error:
            service.create_sdk_key(session, ANNA, "demo", "prod", name=name)

    assert error.value.field == "name"


def test_lists_are_searched_and_paged(database: Database) -> None:
    with database.session() as session:
        demo(session)
        flag(session, "search-a")
        flag(session, "search-b")
        service.archive_flag(session, ANNA, "demo", "search-b", expected_version=1)

        page = queries.list_flags(session, "demo", limit=1, offset=1)
        assert ([each.flag.key for each in page.items], page.total) == (["search-a"], 2)
        assert [each.flag.key for each in queries.list_flags(session, "demo", search="SEARCH").items] == [
            "search-a"
        ]
        assert queries.list_flags(session, "demo", search="%").total == 0
        archived = queries.list_flags(session, "demo", archived=True, offset=0, limit=10**30)
        assert [each.flag.key for each in archived.items] == ["search-b"]
        assert len(queries.list_revisions(session, "demo", "prod", flag="search-b")) == 2
        assert len(queries.list_revisions(session, "demo", "prod", before=2)) == 1
