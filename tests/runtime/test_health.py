"""What an operator asks of a web process."""

from pathlib import Path

from app import create_app
from runtime import migrations
from runtime.database import Database
from runtime.settings import Settings


def test_metrics_say_what_waits_and_that_the_database_answers(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    migrations.upgrade(settings)
    client = create_app(settings).test_client()

    lines = client.get("/metrics").text.splitlines()

    assert "pointsman_database_up 1.0" in lines
    assert "pointsman_inbox_events 0.0" in lines
    assert "pointsman_inbox_oldest_seconds 0.0" in lines


def test_without_a_database_a_process_is_alive_not_ready_and_says_so(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    migrations.upgrade(settings)
    client = create_app(settings).test_client()
    (tmp_path / "pointsman.db").write_bytes(b"no database any more" * 1_000)
    (tmp_path / "pointsman.db-wal").unlink(missing_ok=True)

    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    assert "pointsman_database_up 0.0" in client.get("/metrics").text.splitlines()


def test_a_database_that_lacks_a_migration_is_not_ready_and_says_which(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    migrations.upgrade(settings)
    app = create_app(settings)
    database = Database(settings.database_url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    database.close()

    answer = app.test_client().get("/readyz")

    assert answer.status_code == 503
    assert answer.get_json()["migration"] == {"needed": migrations.newest(), "found": "0000"}
