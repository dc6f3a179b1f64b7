"""Real databases for the flags house: most tests run on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

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
    yield from _opened(f"sqlite:///{tmp_path / 'test.db'}")


@pytest.fixture
def postgresql_database(postgres_url: str) -> Iterator[Database]:
    """An empty database of the real PostgreSQL."""
    yield from _opened(postgres_url)


def _opened(url: str) -> Iterator[Database]:
    database = Database(url)
    Base.metadata.create_all(database.engine, [Base.metadata.tables[name] for name in HOUSES])
    yield database
    database.close()
