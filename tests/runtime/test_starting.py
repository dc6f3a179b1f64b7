"""What is set up wrongly is said in one line, before anything starts."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from runtime import migrations
from runtime.database import Database
from runtime.errors import Invalid
from runtime.settings import Settings
from runtime.starting import make_data_dir, refuse_taken_ports, refuse_unmigrated
from tests.platform import ROOT, free_port


def test_a_port_that_somebody_listens_on_is_refused_with_its_variable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(data_dir=tmp_path, port=taken.getsockname()[1], stream_port=free_port())

        with pytest.raises(Invalid) as refused:
            refuse_taken_ports(settings)

    assert refused.value.field == "POINTSMAN_PORT"
    refuse_taken_ports(settings)


def test_a_database_without_tables_is_refused_until_it_is_migrated(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    database = Database(settings.database_url)

    with pytest.raises(Invalid, match="run `pointsman migrate` first"):
        refuse_unmigrated(database)

    migrations.upgrade(settings)
    refuse_unmigrated(database)
    database.close()


def test_a_database_that_does_not_answer_is_named() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")

    with pytest.raises(Invalid, match="DATABASE_URL: the database cannot be used"):
        refuse_unmigrated(database)

    database.close()


def test_the_data_folder_is_closed_to_others(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "a" / "b")

    make_data_dir(settings)

    assert settings.data_dir.stat().st_mode & 0o077 == 0


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Invalid) as refused:
        make_data_dir(Settings(data_dir=tmp_path / "file" / "data"))

    assert refused.value.field == "POINTSMAN_DATA"


@pytest.mark.parametrize("command", [["web"], ["worker"], ["stream"], ["token", "create", "x"]])
def test_no_command_greets_an_empty_folder_with_a_traceback(tmp_path: Path, command: list[str]) -> None:
    environ = os.environ | {"POINTSMAN_DATA": str(tmp_path)}

    ended = subprocess.run(
        [sys.executable, "-m", "cli", *command],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: DATABASE_URL: the database has no tables")
    assert len(ended.stderr.splitlines()) == 1
