"""A database with a splitting flag in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import runtime.audit  # noqa: F401  (naming the tables is what makes them)
from runtime.database import Base, Database
from tests.experiments.world import make_flag


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'test.db'}")
    Base.metadata.create_all(opened.engine)
    with opened.session() as session:
        make_flag(session)
    yield opened
    opened.close()
