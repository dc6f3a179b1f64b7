"""The reference of `pointsman analyze` says what the program does: options, fields, and its example."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from experiments.cli import analyze

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "reference" / "analyze.md").read_text("utf-8")


def first_cells(section: str) -> list[str]:
    """What stands in code in the first cell of the section's table rows."""
    text = REFERENCE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


def fields(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all leaves, with names of variants, metrics and fields made general."""
    if not isinstance(value, dict):
        yield path
        return
    for key, inner in value.items():
        name = {"old": "VARIANT", "new": "VARIANT", "bought": "METRIC"}.get(key, key)
        name = "FIELD" if path.endswith("not_estimable") else name
        yield from fields(inner, f"{path}.{name}".strip("."))


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The example, run as it stands: its file, and what it printed."""
    folder = tmp_path_factory.mktemp("example")
    (script,) = re.findall(r"```sh\n(.*?)```", REFERENCE, re.DOTALL)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return folder / "visitors.csv", done.stdout


def test_the_example_says_what_the_reference_says_it_does(example: tuple[Path, str]) -> None:
    printed = example[1]

    assert "SHIP new" in printed
    assert "31.70 % with new against 22.20 % with old" in printed
    assert "31.70 % of its visitors bought, against 22.20 %" in REFERENCE


def test_every_option_is_in_the_reference_and_no_other() -> None:
    documented = {cell.split()[0] for cell in first_cells("Options")}

    options = {name for option in analyze.params for name in option.opts if name.startswith("--")}

    assert documented == options | {"--help"}


def test_every_field_is_in_the_reference_and_no_other(example: tuple[Path, str], tmp_path: Path) -> None:
    too_few = tmp_path / "few.csv"
    too_few.write_text("visitor,page,bought\n1,old,1\n2,new,0\n")
    ask = ["--unit", "visitor", "--variant", "page", "--control", "old", "--metric", "bought:proportion"]

    found = {
        field
        for file in (example[0], too_few)
        for field in fields(json.loads(CliRunner().invoke(analyze, [str(file), *ask, "--json"]).stdout))
    }

    assert set(first_cells("JSON")) == {field for field in found if not field.endswith(".not_estimable")}
