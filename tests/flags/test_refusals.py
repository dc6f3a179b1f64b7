"""Every command: what it refuses, naming the field, and that nothing is left behind."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from flags import queries, service
from flags.guards import By
from flags.model import FlagEdit, NewFlag
from pointsman.core.model import Kind
from runtime.database import Database
from runtime.errors import Conflict, Invalid, NotFound
from tests.flags.making import ANNA, PROD, actions, demo, flag, project, revision, split, targeting

STALE: dict[str, Callable[[Session], object]] = {
    "edit": lambda session: service.edit_flag(
        session, ANNA, "demo", "ranker", FlagEdit(name="x"), expected_version=9
    ),
    "archive": lambda session: service.archive_flag(session, ANNA, "demo", "ranker", expected_version=9),
    "restore": lambda session: service.restore_flag(session, ANNA, "demo", "ranker", expected_version=9),
    "toggle": lambda session: service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=9),
    "target": lambda session: service.set_targeting(session, ANNA, PROD, targeting(), expected_version=9),
}


@pytest.mark.parametrize("command", STALE)
def test_a_stale_author_gets_both_versions_and_changes_nothing(database: Database, command: str) -> None:
    with database.session() as session:
        demo(session)

    with pytest.raises(Conflict) as error, database.session() as session:
        STALE[command](session)

    assert (error.value.expected, error.value.actual) == (9, 1)
    assert error.value.theirs["version"] == 1
    with database.reading() as session:
        assert actions(session) == ["project.create", "flag.create"]
        assert revision(session) == 1


MISSING: dict[str, Callable[[Session], object]] = {
    "environment of no project": lambda session: service.create_environment(session, ANNA, "x", "y"),
    "flag of no project": lambda session: service.create_flag(
        session, ANNA, "x", NewFlag(key="k", kind=Kind.BOOLEAN, variants={"on": True})
    ),
    "edit of no flag": lambda session: service.edit_flag(
        session, ANNA, "demo", "x", FlagEdit(), expected_version=1
    ),
    "key of no environment": lambda session: service.create_sdk_key(session, ANNA, "demo", "x", name="n"),
    "key of no project": lambda session: service.create_sdk_key(session, ANNA, "x", "x", name="n"),
    "key that never was": lambda session: service.revoke_sdk_key(session, ANNA, "demo", "dev", 10**30),
    "key of less than nothing": lambda session: service.revoke_sdk_key(session, ANNA, "demo", "dev", -1),
    "a project called NUL": lambda session: queries.get_project(session, "\x00"),
    "a flag called NUL": lambda session: queries.get_flag(session, "demo", "\x00"),
    "an environment called NUL": lambda session: queries.get_environment(session, "demo", "\x00"),
    "a revision beyond all": lambda session: queries.get_revision(session, "demo", "dev", 10**30),
    "revisions of no flag": lambda session: queries.list_revisions(session, "demo", "dev", flag="x"),
    "preview of no flag": lambda session: service.preview_targeting(session, PROD, targeting()),
}


@pytest.mark.parametrize("what", MISSING)
def test_what_is_not_there_is_not_found(database: Database, what: str) -> None:
    with database.session() as session:
        project(session)
        with pytest.raises(NotFound):
            MISSING[what](session)


WRONG: dict[str, tuple[Callable[[Session], object], str]] = {
    "project key": (lambda session: service.create_project(session, ANNA, "Ä"), "key"),
    "project name": (lambda session: service.create_project(session, ANNA, "a", name="\ud800"), "name"),
    "environment key": (lambda session: service.create_environment(session, ANNA, "demo", "a b"), "key"),
    "flag key": (lambda session: flag(session, "no spaces"), "key"),
    "variants": (lambda session: flag(session, "x", {}), "variants"),
    "payload": (lambda session: flag(session, "x", {"v1": 1}), "variants.v1"),
    "off": (
        lambda session: service.create_flag(
            session, ANNA, "demo", NewFlag(key="x", kind=Kind.STRING, variants={"a": ""}, off="b")
        ),
        "off",
    ),
    "description": (
        lambda session: service.edit_flag(
            session, ANNA, "demo", "ranker", FlagEdit(description="a" * 5_001), expected_version=1
        ),
        "description",
    ),
    "targeting": (
        lambda session: service.set_targeting(
            session, ANNA, PROD, targeting(split(50, 49)), expected_version=1
        ),
        "rules.0.weights",
    ),
    "reason": (
        lambda session: service.set_enabled(
            session, By(ANNA.actor, "a" * 1_001), PROD, enabled=True, expected_version=1
        ),
        "reason",
    ),
    "search": (lambda session: queries.list_flags(session, "demo", search="\x00"), "search"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_values_name_their_field_and_change_nothing(database: Database, what: str) -> None:
    command, field = WRONG[what]
    with database.session() as session:
        demo(session)

    with pytest.raises(Invalid) as error, database.session() as session:
        command(session)

    assert error.value.field == field
    with database.reading() as session:
        assert actions(session) == ["project.create", "flag.create"]
        assert revision(session) == 1
