"""The guides' commands run as they stand there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flags import service
from flags.code.reading import read_document
from flags.code.yaml_text import load_yaml
from runtime.database import Database
from runtime.settings import Settings
from tests.flags.making import ANNA, demo
from tests.platform import ROOT, migrate

GUIDES = ROOT / "docs" / "guides"


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """The environment of an installation with the project `demo`, and `pointsman` on its path."""
    settings = Settings(data_dir=tmp_path / "data")
    settings.data_dir.mkdir()
    migrate(settings)
    database = Database(settings.database_url)
    with database.session() as session:
        demo(session)
        service.set_required_approvers(session, ANNA, "demo", "dev", 0, expected=0)
    database.close()
    command = tmp_path / "bin" / "pointsman"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cli "$@"\n')
    command.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'sdk' / 'src'}",
        "POINTSMAN_DATA": str(settings.data_dir),
        "DATABASE_URL": "",
    }


def blocks(guide: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (GUIDES / guide).read_text("utf-8"), re.DOTALL)


def run(command: list[str], shell: dict[str, str], folder: Path, answer: str = "") -> str:
    ran = subprocess.run(
        command, env=shell, cwd=folder, input=answer, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_bundle_of_the_edge_guide_answers(shell: dict[str, str], tmp_path: Path) -> None:
    keygen, bundle = blocks("edge.md", "bash")
    public = run(["sh", "-ec", keygen], shell, tmp_path).strip()
    run(["sh", "-ec", bundle], shell, tmp_path)
    (program,) = blocks("edge.md", "python")

    told = run([sys.executable, "-c", program.replace("pbk_…", public)], shell, tmp_path)

    assert told == "v1 1\n"


def test_the_commands_of_the_code_guide_round_trip(shell: dict[str, str], tmp_path: Path) -> None:
    first, promote = blocks("as-code.md", "bash")

    told = run(["sh", "-ec", first], shell, tmp_path)

    assert told == "Nothing to do.\nNothing to do.\n"
    assert run(["sh", "-ec", promote], shell, tmp_path) == "Nothing to do.\n"


def test_the_document_of_the_code_guide_can_be_read() -> None:
    (text,) = blocks("as-code.md", "yaml")

    document = read_document(load_yaml(text.encode()))

    assert document.flags["ranker"].environments["prod"].off == "v1"


def test_the_privacy_guide_forgets_and_tells(shell: dict[str, str], tmp_path: Path) -> None:
    (commands,) = blocks("privacy.md", "bash")

    told, listed = run(["sh", "-ec", commands], shell, tmp_path).splitlines()

    assert told == "Assignments deleted: 0. Events go within a day: request 1."
    assert json.loads(listed)["stage"] == "waiting"
