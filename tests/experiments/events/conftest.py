"""A real database with one environment, and an empty lake."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import experiments.events.instances
import experiments.events.storage  # noqa: F401  (names the tables)
from experiments.events.lake import Lake
from flags.storage.tables import EnvironmentRow, ProjectRow
from runtime.database import Base, Database

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'test.db'}")
    Base.metadata.create_all(opened.engine)
    with opened.session() as session:
        session.add(ProjectRow(id=1, key="demo", name="", description="", created_at=NOW))
        session.flush()
        session.add(
            EnvironmentRow(id=1, project_id=1, key="prod", name="", revision=1, stamp="s", created_at=NOW)
        )
    yield opened
    opened.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")
