"""The demo tells its whole story, with nobody looking."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.platform import ROOT

USERS = 600


@pytest.mark.timeout(300)
def test_the_headless_demo_writes_a_report_of_every_user_and_ends(tmp_path: Path) -> None:
    file = tmp_path / "report.json"

    ended = subprocess.run(
        [sys.executable, "-m", "cli", "demo", "--headless", "--json", str(file), "--users", str(USERS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )

    assert ended.returncode == 0, ended.stderr
    report = json.loads(file.read_text())
    assert sum(report["units"].values()) == USERS
    assert report["verdict"]["decision"] == "ship"
    assert report["metrics"]["correct"]["v2"]["difference"] > 0.05
    assert report["srm"]["alarm"] is False
