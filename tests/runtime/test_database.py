"""Transactions, time and installation-wide values."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy.exc import StatementError

from runtime import audit
from runtime.actors import SYSTEM
from runtime.database import Database
from runtime.installation import signing_key
from runtime.lease import LeaseRow


def test_an_error_inside_a_transaction_undoes_all_of_it(database: Database) -> None:
    with pytest.raises(RuntimeError), database.session() as session:
        audit.record(session, SYSTEM, "thing.do", "thing", {})
        raise RuntimeError("changed my mind")

    with database.reading() as session:
        assert audit.entries(session) == ()


def test_a_reader_does_not_block_a_writer_nor_see_half_its_work(database: Database) -> None:
    with database.reading() as reader:
        assert audit.entries(reader) == ()

        with database.session() as writer:
            audit.record(writer, SYSTEM, "thing.do", "thing", {})

        assert audit.entries(reader) == ()
    with database.reading() as reader:
        assert len(audit.entries(reader)) == 1


def test_concurrent_writers_wait_their_turn_and_lose_nothing(database: Database) -> None:
    def write(number: int) -> None:
        with database.session() as session:
            before = len(audit.entries(session, limit=1_000))
            audit.record(session, SYSTEM, "thing.do", f"thing/{number}", {"before": before})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(100)))

    with database.reading() as session:
        seen = sorted(entry.details["before"] for entry in audit.entries(session, limit=1_000))
    assert seen == list(range(100))


def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises(StatementError), database.session() as session:
        session.add(LeaseRow(name="x", holder="y", expires_at=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_the_signing_key_is_the_same_for_every_process_that_asks(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: signing_key(database), range(16)))

    assert len(keys) == 1
    assert len(keys.pop()) == 64
