"""Real databases for the flags house: most tests run on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import flags.storage.change_tables
import flags.storage.usage_tables  # noqa: F401  (names the tables)
import runtime.accounts.tables
import runtime.audit  # noqa: F401  (names the tables)
from runtime.database import Base, Database

HOUSES = (
    *("projects", "environments", "flags", "flag_states", "sdk_keys", "revisions", "segments", "layers"),
    *("unit_sets", "assignments", "assignment_changes", "forget_requests"),
    *("change_requests", "change_approvals", "flag_usage"),
    *("audit", "audit_head", "people", "sessions", "api_tokens"),
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Database:
    """An empty database, once of each kind."""
    found = request.getfixturevalue(f"{request.param}_database")
    assert isinstance(found, Database)
    return found


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite file."""
    with empty_sqlite(tmp_path / "test.db") as database:
        yield database


@pytest.fixture
def postgresql_database(postgres_url: str) -> Iterator[Database]:
    """An empty database of the real PostgreSQL."""
    database = Database(postgres_url)
    _create(database)
    yield database
    database.close()


@contextmanager
def empty_sqlite(path: Path) -> Iterator[Database]:
    """An empty SQLite file there."""
    path.write_bytes(_empty_sqlite())
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@cache
def _empty_sqlite() -> bytes:
    """Made once: copying a file takes a hundredth of making its tables."""
    with TemporaryDirectory(prefix="empty-") as folder:
        path = Path(folder, "empty.db")
        database = Database(f"sqlite:///{path}")
        _create(database)
        database.close()
        return path.read_bytes()


def _create(database: Database) -> None:
    Base.metadata.create_all(database.engine, [Base.metadata.tables[name] for name in HOUSES])
