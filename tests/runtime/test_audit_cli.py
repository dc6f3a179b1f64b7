"""`pointsman audit`: verified by exit code, exported without harm to whoever opens it."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from cli import main
from runtime import audit
from runtime.actors import Actor, ActorKind
from runtime.audit_export import HEADER
from runtime.database import Database
from runtime.settings import Settings
from tests.platform import migrate, opened

EVIL = '=HYPERLINK("http://evil")'


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    settings = Settings(data_dir=tmp_path)
    migrate(settings)
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    with opened(settings) as database:
        with database.session() as session:
            for subject in ("demo/prod/ranker", EVIL, "+1", "-1", "@x", "\tx"):
                actor = Actor(ActorKind.PERSON, f"={subject}")
                audit.record(session, actor, "flag.edit", subject, {"reason": "ü, \n=1"})
        yield database


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["audit", *arguments])


def test_a_sound_log_is_verified_and_its_head_printed(database: Database) -> None:
    result = run("verify")

    assert result.exit_code == 0
    head = result.output.split()[-1]
    assert result.output == f"6 entries, unbroken. Head: {head}\n"
    assert run("verify", "--expect-head", head.upper()).exit_code == 0
    assert run("verify", "--expect-head", "0" * 63 + "1").exit_code == 1


def test_a_broken_log_fails_and_the_first_broken_entry_is_named(database: Database) -> None:
    with database.session() as session:
        session.execute(text("UPDATE audit SET actor = 'mallory' WHERE position IN (3, 5)"))

    result = run("verify")

    assert result.exit_code == 1
    assert "entry 3 does not match its hash" in result.output


def test_json_lines_hold_every_field(database: Database) -> None:
    lines = [json.loads(line) for line in run("export").output.splitlines()]

    assert [line["position"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[0].keys() == set(HEADER)
    assert (lines[1]["subject"], lines[0]["details"]) == (EVIL, {"reason": "ü, \n=1"})


def test_no_cell_of_the_csv_begins_a_formula(database: Database) -> None:
    rows = list(csv.reader(io.StringIO(run("export", "--format", "csv").output)))

    assert tuple(rows[0]) == HEADER
    assert len(rows) == 7
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert rows[2][5] == f"'{EVIL}"


def test_an_export_can_begin_later_and_be_of_one_subject(database: Database) -> None:
    assert run("export", "--since", "2999-01-01").output == ""
    assert len(run("export", "--since", "2020-01-01").output.splitlines()) == 6
    assert len(run("export", "--subject", "demo").output.splitlines()) == 1


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE audit SET details = '{not json' WHERE position = 4",
        "UPDATE audit SET at = 'yesterday' WHERE position = 4",
        "UPDATE audit SET details = x'ff' WHERE position = 4",
        "UPDATE audit SET position = 'x' WHERE position = 4",
    ],
)
def test_an_entry_that_cannot_even_be_read_is_named(database: Database, damage: str) -> None:
    with database.session() as session:
        session.execute(text(damage))

    result = run("verify")

    assert result.exit_code == 1
    assert result.output.startswith("Error: entry 4 ")
    assert "(3 sound entries before)" in result.output


def test_a_second_end_of_the_chain_is_found(database: Database) -> None:
    with database.session() as session:
        session.execute(text("INSERT INTO audit_head SELECT id + 1, position, hash FROM audit_head"))

    result = run("verify")

    assert result.exit_code == 1
    assert "more than one row says where the chain ends" in result.output


def test_the_head_every_chain_begins_with_proves_nothing(database: Database) -> None:
    result = run("verify", "--expect-head", "0" * 64)

    assert result.exit_code == 2
    assert "proves nothing" in result.output
