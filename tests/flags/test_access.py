"""What a process remembers of keys is never out of date on SQLite, and at most 0.25 s on PostgreSQL."""

import pytest

from flags import service
from flags.access import Accesses
from runtime.changes import BELIEF_S, BoundedAge, changes_of
from runtime.database import Database
from runtime.errors import Unauthenticated
from tests.flags.making import ANNA, PROD, demo


def key_of(database: Database) -> str:
    with database.session() as session:
        demo(session)
        return service.create_sdk_key(session, ANNA, "demo", "prod", name="test").secret


def revoke(database: Database) -> None:
    with database.session() as session:
        service.revoke_sdk_key(session, ANNA, "demo", "prod", 1)


def switch_on(database: Database) -> None:
    with database.session() as session:
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)


def test_a_key_is_remembered_while_nothing_changes(sqlite_database: Database) -> None:
    secret = key_of(sqlite_database)
    accesses = Accesses(sqlite_database, changes_of(sqlite_database.engine))

    before = accesses.at_hand(secret)
    found = accesses.look_up(secret)

    assert before is None
    assert accesses.at_hand(secret) == found


@pytest.mark.parametrize("change", [revoke, switch_on])
def test_any_commit_is_seen_at_once_on_sqlite(sqlite_database: Database, change: object) -> None:
    secret = key_of(sqlite_database)
    accesses = Accesses(sqlite_database, changes_of(sqlite_database.engine))
    accesses.look_up(secret)

    assert callable(change)
    change(sqlite_database)

    assert accesses.at_hand(secret) is None


def test_a_commit_of_another_process_is_seen_at_once_on_sqlite(sqlite_database: Database) -> None:
    secret = key_of(sqlite_database)
    accesses = Accesses(sqlite_database, changes_of(sqlite_database.engine))
    accesses.look_up(secret)
    other = Database(str(sqlite_database.engine.url))

    revoke(other)
    other.close()

    assert accesses.at_hand(secret) is None
    with pytest.raises(Unauthenticated):
        accesses.look_up(secret)


@pytest.mark.postgres
def test_on_postgresql_a_key_is_believed_for_a_quarter_of_a_second(postgresql_database: Database) -> None:
    secret = key_of(postgresql_database)
    now = 100.0
    accesses = Accesses(postgresql_database, BoundedAge(clock=lambda: now))
    accesses.look_up(secret)
    revoke(postgresql_database)

    now += BELIEF_S
    within = accesses.at_hand(secret)
    now += 0.001

    assert within is not None
    assert accesses.at_hand(secret) is None
    assert isinstance(changes_of(postgresql_database.engine), BoundedAge)


def test_a_stranger_is_asked_about_every_time(sqlite_database: Database) -> None:
    key_of(sqlite_database)
    accesses = Accesses(sqlite_database, changes_of(sqlite_database.engine))

    for _ in range(2):
        with pytest.raises(Unauthenticated):
            accesses.look_up("psk_prod_wrong")

    assert accesses.at_hand("psk_prod_wrong") is None
