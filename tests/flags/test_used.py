"""What the server evaluates itself is written down as use, once, whatever the database is doing."""

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from flags import queries
from flags.storage import usage
from flags.used import Used
from runtime.database import Database
from tests.flags.making import demo

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def environment_id(database: Database) -> int:
    with database.session() as session:
        demo(session)
        return queries.get_environment(session, "demo", "prod").id


def evaluations(database: Database, environment_id: int) -> dict[str, int]:
    with database.reading() as session:
        found = usage.totals(session, [environment_id], by_variant=True)
    return {each.variant: each.evaluations for each in found}


def test_what_was_counted_is_written_once(database: Database, environment_id: int) -> None:
    used = Used(database, every_s=3_600)
    for variant in ("v1", "v1", "v2", "nobody"):
        used.count(environment_id, "ranker", variant)
    used.count(environment_id, "unknown", "v1")

    used.write(NOW)
    used.write(NOW)
    used.count(environment_id, "ranker", "v2")
    used.close()

    assert evaluations(database, environment_id) == {"v1": 2, "v2": 2}


def test_what_cannot_be_written_still_counts(database: Database, environment_id: int) -> None:
    used = Used(database, every_s=3_600)
    used.count(environment_id, "ranker", "v1")
    with database.session() as session:
        session.execute(text("ALTER TABLE flag_usage RENAME TO elsewhere"))
    with pytest.raises(DBAPIError):
        used.write(NOW)
    with database.session() as session:
        session.execute(text("ALTER TABLE elsewhere RENAME TO flag_usage"))

    used.count(environment_id, "ranker", "v1")
    used.close()

    assert evaluations(database, environment_id) == {"v1": 2}


def test_many_threads_start_one_writer_that_ends(database: Database, environment_id: int) -> None:
    used, barrier = Used(database, every_s=3_600), threading.Barrier(8)

    def ask() -> None:
        barrier.wait(30)
        used.count(environment_id, "ranker", "v1")

    askers = [threading.Thread(target=ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(30)
    writers = [each for each in threading.enumerate() if each.name == "pointsman usage"]
    used.close()

    assert len(writers) == 1
    assert not writers[0].is_alive()
    assert 1 <= evaluations(database, environment_id)["v1"] <= 8
