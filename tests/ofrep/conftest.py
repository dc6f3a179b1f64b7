"""A real web and stream server with furnished flags, once for the folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime.database import Database
from tests.flags.conftest import empty_sqlite
from tests.ofrep.furnishing import Keys, furnish
from tests.platform import Platform, opened, platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running installation."""

    platform: Platform
    keys: Keys

    @property
    def url(self) -> str:
        """For clients."""
        return self.platform.settings.base_url


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Real processes on an SQLite file."""
    folder: Path = tmp_path_factory.mktemp("ofrep")
    with platform(folder) as running:
        with opened(running.settings) as database:
            keys = furnish(database)
        running.start("web", "stream")
        running.wait_until_ready()
        yield Site(platform=running, keys=keys)


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite file."""
    with empty_sqlite(tmp_path / "test.db") as database:
        yield database
