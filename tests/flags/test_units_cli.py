"""Units from the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flags import queries
from flags.cli.units import units
from runtime.database import Database
from runtime.settings import Settings
from tests.flags.making import PROD
from tests.flags.sticky import expose, served, sticky_flag
from tests.platform import migrate


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An installation with a sticky flag and three enrolled units, one with a formula for a name."""
    monkeypatch.setenv("POINTSMAN_DATA", str(tmp_path))
    settings = Settings(data_dir=tmp_path)
    migrate(settings)
    opened = Database(settings.database_url)
    with opened.session() as session:
        sticky_flag(session)
        expose(session, served(session, ["u1", "u2", "=1+1"]).values())
    yield opened
    opened.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(units, arguments)


def test_show_prints_what_is_remembered() -> None:
    found = json.loads(run("show", "-p", "demo", "u1").output)

    [assignment] = found["assignments"]
    assert (assignment["flag"], assignment["environment"], assignment["rule"]) == ("ranker", "prod", "r1")


def test_forget_deletes_after_a_confirmation(database: Database) -> None:
    refused = CliRunner().invoke(units, ["forget", "-p", "demo", "u1"], input="n\n")
    done = run("forget", "--yes", "-p", "demo", "u1")

    assert refused.exit_code == 1
    assert done.output == "Assignments deleted: 1. Events go within a day: request 1.\n"
    with database.reading() as session:
        assert queries.get_unit(session, "demo", "u1").assignments == ()
        assert sum(queries.count_assignments(session, PROD).values()) == 2


def test_forgotten_prints_how_far_each_request_is() -> None:
    run("forget", "--yes", "-p", "demo", "u1")
    run("forget", "--yes", "-p", "demo", "never seen")

    found = [json.loads(line) for line in run("forgotten", "-p", "demo").output.splitlines()]
    of_unit = [json.loads(line) for line in run("forgotten", "-p", "demo", "-u", "u1").output.splitlines()]

    assert [(each["id"], each["stage"], each["assignments"]) for each in found] == [
        (2, "waiting", 0),
        (1, "waiting", 1),
    ]
    assert [each["id"] for each in of_unit] == [1]
    assert "u1" not in str(found)


def test_export_prints_everybody_and_no_formula() -> None:
    lines = run("export", "-p", "demo", "-e", "prod", "ranker").output.splitlines()

    assert lines[0] == "unit_type,unit,variant,rule,epoch,at,reason"
    assert sorted(line.split(",")[1] for line in lines[1:]) == ["'=1+1", "u1", "u2"]


def test_explain_prints_every_step() -> None:
    found = json.loads(run("explain", "-p", "demo", "-e", "prod", "ranker", "u1").output)

    assert found["choice"]["unit"] == "u1"
    assert [rule["rule"] for rule in found["rules"]] == ["r1"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("show", "-p", "nowhere", "u1"), "there is no project"),
        (("show", "-p", "demo", "x" * 300), "unit: needs 1 to 256 characters"),
        (("export", "-p", "demo", "-e", "prod", "nothing"), "there is no flag"),
        (("explain", "-p", "demo", "-e", "prod", "ranker", "u1", "-c", "["), "is not JSON"),
        (("explain", "-p", "demo", "-e", "prod", "ranker", "u1", "-c", "[]"), "must be an object"),
    ],
)
def test_mistakes_end_with_one_clear_line(arguments: tuple[str, ...], word: str) -> None:
    result = run(*arguments)

    assert result.exit_code != 0
    assert word in result.output
