import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from flags import queries, service
from flags.cli.flags import flags
from flags.cli.transaction import GUARDS
from runtime.database import Database
from runtime.settings import Settings
from tests.flags.making import ANNA, PROD, demo
from tests.flags.test_guards import SplitLock
from tests.platform import ROOT, migrate


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    """A migrated one, as the command line insists."""
    settings = Settings(data_dir=tmp_path)
    migrate(settings)
    database = Database(settings.database_url)
    yield database
    database.close()


@pytest.fixture(autouse=True)
def installation(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    url = sqlite_database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url)
    with sqlite_database.session() as session:
        demo(session)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(flags, list(arguments))


def test_list_says_where_flags_are_on(sqlite_database: Database) -> None:
    with sqlite_database.session() as session:
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)

    assert run("list", "-p", "demo").output == "ranker  (model)  dev off  staging off  prod on\n"
    assert run("list", "-p", "demo", "--search", "x").output == ""


def test_show_prints_json() -> None:
    shown = json.loads(run("show", "-p", "demo", "ranker").output)

    assert (shown["key"], shown["kind"], list(shown["variants"])) == ("ranker", "model", ["v1", "v2"])
    assert shown["environments"]["prod"] == {
        "environment": "prod",
        "enabled": False,
        "off": "v1",
        "default": "v1",
        "rules": [],
        "version": 1,
        "overrides": {},
        "requires": [],
        "switches": [],
        "epoch": 0,
    }


def test_toggle_is_the_kill_switch_and_leaves_a_trace(sqlite_database: Database) -> None:
    result = run("toggle", "-p", "demo", "-e", "prod", "--reason", "launch", "ranker", "on")

    assert result.output == "ranker is on in prod (version 2).\n"
    with sqlite_database.reading() as session:
        latest = queries.list_revisions(session, "demo", "prod", limit=1)[0]
        assert (latest.actor.kind, latest.reason) == ("cli", "launch")


def test_toggle_asks_the_guards_of_the_program() -> None:
    lock = SplitLock()

    @click.group()
    @click.pass_context
    def program(context: click.Context) -> None:
        context.meta[GUARDS] = lambda: (lock,)

    program.add_command(flags)
    result = CliRunner().invoke(program, ["flags", "toggle", "-p", "demo", "-e", "prod", "ranker", "on"])

    assert result.exit_code == 0
    assert [each.at for each in lock.seen] == [PROD]


def test_keys_create_prints_a_working_secret(sqlite_database: Database) -> None:
    secret = run("keys", "create", "-p", "demo", "-e", "prod", "shop").output.strip()

    with sqlite_database.reading() as session:
        assert queries.authenticate(session, secret).environment == "prod"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "-p", "x"), "there is no project 'x'"),
        (("show", "-p", "demo", "x"), "there is no flag 'demo/x'"),
        (("toggle", "-p", "demo", "-e", "x", "ranker", "on"), "there is no environment 'demo/x'"),
        (("keys", "create", "-p", "demo", "-e", "prod", " "), "name: is needed"),
    ],
)
def test_mistakes_end_with_one_clear_line(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {message}")
    assert result.output.count("\n") == 1


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, flags.cli.flags;"
        "print([each for each in ('sqlalchemy', 'flask', 'pydantic', 'redis') if each in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_revert_undoes_a_revision(sqlite_database: Database) -> None:
    assert run("toggle", "-p", "demo", "-e", "prod", "ranker", "on").exit_code == 0

    result = run("revert", "-p", "demo", "-e", "prod", "--reason", "oh", "2")

    assert result.exit_code == 0
    with sqlite_database.reading() as session:
        assert not queries.get_state(session, PROD).enabled
        assert queries.list_revisions(session, "demo", "prod")[0].reason == "revert of revision 2: oh"
    assert run("revert", "-p", "demo", "-e", "prod", "99").exit_code == 1
