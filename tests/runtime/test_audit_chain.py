"""The audit log's chain: whatever is done to it behind the program's back is found and named."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from runtime import audit
from runtime.actors import SYSTEM
from runtime.audit_chain import digest, entry_columns, verify
from runtime.audit_tables import GENESIS, AuditHeadRow, AuditRow
from runtime.database import Base, Database

FORGED: dict[str, Any] = {
    "at": datetime(2026, 1, 1, tzinfo=UTC),
    "actor_kind": "person",
    "actor": "mallory",
    "action": "thing.do",
    "subject": "forged",
    "details": {},
}
TABLES = [Base.metadata.tables[name] for name in ("audit", "audit_head")]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of each kind, with an audit log of five entries."""
    url = (
        f"sqlite:///{tmp_path / 'audit.db'}"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url")
    )
    opened = Database(url)
    Base.metadata.create_all(opened.engine, TABLES)
    for number in range(5):
        write(opened, f"entry-{number}")
    yield opened
    opened.close()


def write(database: Database, *subjects: str) -> None:
    with database.session() as session:
        for subject in subjects:
            audit.record(
                session, SYSTEM, "thing.do", subject, {"ü": [1, 1.5, None], "nested": {"b": 1, "a": 2}}
            )


def broken_at(database: Database, *, expect_head: str | None = None) -> tuple[int | None, str] | None:
    with database.reading() as session:
        found = verify(session, expect_head=expect_head).broken
    return None if found is None else (found.position, found.problem)


def head(database: Database) -> str:
    with database.reading() as session:
        return verify(session).head


def test_what_was_written_is_one_unbroken_chain(database: Database) -> None:
    write(database, "six", "seven")

    with database.reading() as session:
        found = verify(session)
        positions = session.scalars(select(AuditRow.position).order_by(AuditRow.position)).all()
        last = audit.browse(session, audit.AuditFilter())[0]

    assert (found.entries, found.broken) == (7, None)
    assert list(positions) == list(range(1, 8))
    assert (last.subject, last.hash) == ("seven", found.head)


def test_an_empty_log_is_sound(database: Database) -> None:
    with database.session() as session:
        session.execute(text("DELETE FROM audit"))
        session.execute(update(AuditHeadRow).values(position=0, hash=GENESIS))

    assert broken_at(database) is None
    assert head(database) == GENESIS


HARM: dict[str, tuple[Callable[[Session], object], int | None, str]] = {
    "a changed word": (
        lambda s: s.execute(update(AuditRow).where(AuditRow.position == 3).values(actor="mallory")),
        3,
        "changed",
    ),
    "a changed detail": (
        lambda s: s.execute(update(AuditRow).where(AuditRow.position == 1).values(details={})),
        1,
        "changed",
    ),
    "a changed time": (
        lambda s: s.execute(
            update(AuditRow).where(AuditRow.position == 5).values(at=datetime(2020, 1, 1, tzinfo=UTC))
        ),
        5,
        "changed",
    ),
    "a deleted entry": (lambda s: s.execute(text("DELETE FROM audit WHERE position = 2")), 2, "deleted"),
    "a cut end": (lambda s: s.execute(text("DELETE FROM audit WHERE position >= 4")), 4, "cut off"),
    "everything gone": (lambda s: s.execute(text("DELETE FROM audit")), 1, "cut off"),
    "a head gone": (lambda s: s.execute(text("DELETE FROM audit_head")), None, "missing"),
    "an entry slipped in beside": (
        lambda s: s.execute(insert(AuditRow).values(**FORGED)),
        None,
        "slipped in",
    ),
    "an entry slipped in at the end": (
        lambda s: s.execute(insert(AuditRow).values(**FORGED, position=6, hash="f" * 64)),
        6,
        "slipped in",
    ),
    "two entries exchanged": (
        lambda s: (
            s.execute(update(AuditRow).where(AuditRow.position == 2).values(position=99)),
            s.execute(update(AuditRow).where(AuditRow.position == 3).values(position=2)),
            s.execute(update(AuditRow).where(AuditRow.position == 99).values(position=3)),
        ),
        2,
        "changed",
    ),
}


@pytest.mark.parametrize("what", HARM)
def test_harm_is_found_and_the_first_broken_entry_named(database: Database, what: str) -> None:
    harm, position, words = HARM[what]

    with database.session() as session:
        harm(session)

    found = broken_at(database)
    assert found is not None
    assert found[0] == position
    assert words in found[1]


def test_an_entry_slipped_in_beside_the_chain_is_never_taken_into_it(database: Database) -> None:
    with database.session() as session:
        session.execute(insert(AuditRow).values(**FORGED))

    write(database, "honest")

    found = broken_at(database)
    assert found is not None
    assert "slipped in beside" in found[1]


def test_a_chain_rebuilt_from_the_start_is_found_by_a_head_written_down_before(database: Database) -> None:
    known = head(database)
    with database.session() as session:
        session.execute(text("DELETE FROM audit"))
        session.execute(update(AuditHeadRow).values(position=0, hash=GENESIS))
    write(database, "a", "history", "made", "up", "afterwards")

    assert broken_at(database) is None
    found = broken_at(database, expect_head=known)

    assert found is not None
    assert "cut or rebuilt" in found[1]


def test_a_head_written_down_before_is_found_after_the_log_grew(database: Database) -> None:
    known = head(database)

    write(database, "later")

    assert broken_at(database, expect_head=known) is None


def test_what_is_rolled_back_leaves_no_gap(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.session() as session:
        audit.record(session, SYSTEM, "thing.do", "never", {})
        session.flush()
        _ = 1 // 0
    with database.session() as session:
        audit.record(session, SYSTEM, "thing.do", "before", {})
        savepoint = session.begin_nested()
        audit.record(session, SYSTEM, "thing.do", "taken back", {})
        session.flush()
        savepoint.rollback()
        with session.begin_nested():
            audit.record(session, SYSTEM, "thing.do", "kept", {})

    with database.reading() as session:
        found = verify(session)
        newest = [entry.subject for entry in audit.browse(session, audit.AuditFilter(), limit=2)]
    assert (found.entries, found.broken) == (7, None)
    assert newest == ["kept", "before"]


def test_a_session_used_for_many_transactions_chains_each(database: Database) -> None:
    with Session(database.engine) as session:
        for number in range(3):
            audit.record(session, SYSTEM, "thing.do", f"again-{number}", {})
            session.commit()
            audit.record(session, SYSTEM, "thing.do", "taken back", {})
            session.rollback()

    with database.reading() as session:
        assert verify(session).entries == 8
    assert broken_at(database) is None


def test_without_its_head_the_log_takes_nothing(database: Database) -> None:
    with database.session() as session:
        session.execute(text("DELETE FROM audit_head"))

    with pytest.raises(RuntimeError, match="audit_head"):
        write(database, "lost")


def test_many_writers_make_one_chain_and_a_reader_never_sees_it_broken(database: Database) -> None:
    def work(number: int) -> None:
        for turn in range(20):
            write(database, f"w{number}/{turn}", f"w{number}/{turn}/more")
            if turn % 5 == 0:
                assert broken_at(database) is None

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, number) for number in range(8)]:
            done.result()

    with database.reading() as session:
        assert verify(session).entries == 5 + 8 * 20 * 2
    assert broken_at(database) is None


def test_the_spelling_that_is_hashed_never_changes(database: Database) -> None:
    at = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)
    with database.session() as session:
        session.execute(insert(AuditRow).values({**FORGED, "at": at, "details": {"b": [1, 2.5], "a": "ü"}}))
        row = session.execute(entry_columns().where(AuditRow.__table__.c.subject == "forged")).one()

    assert digest(GENESIS, row, 7) == "78ebafc1f0c911a588bbc4975aa839d3659f7eef66b89f6a8a66905b989d23a7"
