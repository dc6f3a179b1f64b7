"""A real SQLite database for the runtime's own tables."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import runtime.accounts.tables
import runtime.audit
import runtime.installation
import runtime.lease  # noqa: F401  (names the tables)
from runtime.database import Base, Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'test.db'}")
    names = (
        "people",
        "sessions",
        "sign_in_links",
        "api_tokens",
        "audit",
        "audit_head",
        "installation",
        "leases",
    )
    Base.metadata.create_all(opened.engine, [Base.metadata.tables[name] for name in names])
    yield opened
    opened.close()


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
