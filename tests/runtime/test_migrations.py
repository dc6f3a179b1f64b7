"""The migrations make exactly the tables the code declares."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import text

import app  # noqa: F401  (names every table)
from runtime import audit, migrations
from runtime.actors import SYSTEM
from runtime.audit_chain import verify
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


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_entries_of_before_the_chain_are_chained_in_their_order(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    url = "" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    settings = Settings(data_dir=tmp_path, database_url=url)
    config = Config()
    config.set_main_option("script_location", str(migrations.FOLDER))
    config.attributes["database_url"] = settings.database_url
    command.upgrade(config, "0001")
    database = Database(settings.database_url)
    entry = text(
        "INSERT INTO audit (at, actor_kind, actor, action, subject, details) VALUES "
        "(CURRENT_TIMESTAMP, 'person', 'ada', 'flag.edit', :subject, '{\"b\": 1.0}')"
    )
    with database.session() as session:
        session.execute(entry, [{"subject": f"demo/{number}"} for number in range(2_500)])

    migrations.upgrade(settings)

    with database.session() as session:
        audit.record(session, SYSTEM, "thing.do", "after", {})
    with database.reading() as session:
        found = verify(session)
        newest = [each.subject for each in audit.browse(session, audit.AuditFilter(), limit=2)]
    database.close()
    assert (found.entries, found.broken) == (2_501, None)
    assert newest == ["after", "demo/2499"]
