"""What an operator asks of a web process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from runtime import migrations
from runtime.settings import Settings
from runtime.web.state import state


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """The web application on a migrated database of its own."""
    settings = Settings(data_dir=tmp_path)
    migrations.upgrade(settings)
    made = create_app(settings)
    yield made
    with made.app_context():
        state().database.close()


def test_metrics_say_what_waits_and_that_the_database_answers(app: Flask) -> None:
    lines = app.test_client().get("/metrics").text.splitlines()

    assert "pointsman_database_up 1.0" in lines
    assert "pointsman_inbox_events 0.0" in lines
    assert "pointsman_inbox_oldest_seconds 0.0" in lines


def test_without_a_database_a_process_is_alive_not_ready_and_says_so(app: Flask, tmp_path: Path) -> None:
    client = app.test_client()
    (tmp_path / "pointsman.db").write_bytes(b"no database any more" * 1_000)
    (tmp_path / "pointsman.db-wal").unlink(missing_ok=True)

    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    assert "pointsman_database_up 0.0" in client.get("/metrics").text.splitlines()


def test_a_database_that_lacks_a_migration_is_not_ready_and_says_which(app: Flask) -> None:
    with app.app_context(), state().database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")

    answer = app.test_client().get("/readyz")

    assert answer.status_code == 503
    assert answer.get_json()["migration"] == {"needed": migrations.newest(), "found": "0000"}
