"""The migrations make exactly the tables the code declares."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import app  # noqa: F401  (names every table)
from runtime import migrations
from runtime.database import Base, Database
from runtime.settings import Settings


def differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def test_migrated_sqlite_is_what_the_code_declares(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    migrations.upgrade(settings)

    database = Database(settings.database_url)
    assert differences(database) == []
    with database.reading() as session:
        assert migrations.current(session) == migrations.newest()
    database.close()


@pytest.mark.postgres
def test_migrated_postgresql_is_what_the_code_declares(tmp_path: Path, postgres_url: str) -> None:
    settings = Settings(data_dir=tmp_path, database_url=postgres_url)

    migrations.upgrade(settings)

    database = Database(settings.database_url)
    assert differences(database) == []
    database.close()


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    migrations.upgrade(settings)

    migrations.upgrade(settings)

    database = Database(settings.database_url)
    assert differences(database) == []
    database.close()


def test_a_database_without_tables_is_known_as_such(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")

    with database.reading() as session:
        assert migrations.current(session) is None
    database.close()
