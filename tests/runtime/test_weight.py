"""Heavy libraries are loaded only where they are used."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.platform import ROOT

HEAVY = {
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "deltalake",
    "duckdb",
    "ibis",
    "altair",
    "statsmodels",
    "sklearn",
}
WEB_ONLY = {"flask", "sqlalchemy", "pydantic", "alembic"}
HELP = "from click.testing import CliRunner; import cli, sys; assert not CliRunner().invoke(cli.main, "


def modules_after(program: str) -> set[str]:
    code = f"{program}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return {name.partition(".")[0] for name in json.loads(ended.stdout.splitlines()[-1])}


def test_the_help_loads_nothing_but_the_command_line() -> None:
    program = HELP + "['--help']).exit_code"

    assert not modules_after(program) & (HEAVY | WEB_ONLY)


def test_a_web_process_that_has_served_pages_never_loads_what_only_analyses_need(tmp_path: Path) -> None:
    program = f"""
import pathlib
from runtime import migrations
from runtime.settings import Settings
settings = Settings(data_dir=pathlib.Path({str(tmp_path)!r}))
migrations.upgrade(settings)
import app
client = app.create_app(settings).test_client()
assert client.get('/readyz').status_code == 200
assert client.get('/sign-in').status_code == 200
assert client.post('/v1/events', data=b'{{}}').status_code == 401
"""

    assert not modules_after(program) & HEAVY


@pytest.mark.parametrize(
    "name", ["serve", "web", "worker", "stream", "migrate", "token", "flags", "analyze", "demo"]
)
def test_every_command_explains_itself_without_loading_what_it_needs_to_run(name: str) -> None:
    program = f"{HELP}[{name!r}, '--help']).exit_code"

    assert not modules_after(program) & HEAVY
