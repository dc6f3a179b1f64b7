"""The unmodified OFREP providers for JavaScript, installed from npm, against a running server."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.ofrep.conftest import Site
from tests.ofrep.furnishing import MODEL
from tests.platform import ROOT

SOURCE: Final = Path(__file__).parent / "javascript"
# Kept between runs; .data is nobody's but this machine's.
INSTALLED: Final = ROOT / ".data" / "ofrep-javascript"
FILES: Final = ("package.json", "package-lock.json", ".npmrc", "server.mjs", "web.mjs")
INSTALL_S: Final = 180


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where the providers are installed; the test is skipped where they cannot be."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("Node and npm are not on this machine")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(SOURCE / name, INSTALLED / name)
    if not (INSTALLED / "node_modules" / "@openfeature").exists():
        command = [npm, "ci", "--ignore-scripts"]
        try:
            done = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, timeout=INSTALL_S)
        except subprocess.TimeoutExpired:
            pytest.skip("npm could not install the providers in time")
        if done.returncode:
            pytest.skip(f"npm cannot install the providers here: {done.stderr[-300:]}")
    return INSTALLED


def told(folder: Path, script: str, site: Site, key: str) -> dict[str, Any]:
    done = subprocess.run(
        ["node", script, site.url, key], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("script", ["server.mjs", "web.mjs"])
def test_every_kind_of_flag_reaches_javascript(folder: Path, site: Site, script: str) -> None:
    found = told(folder, script, site, site.keys.client)

    assert {name: found[name]["value"] for name in ("toggle", "theme", "whole", "share", "asleep")} == {
        "toggle": True,
        "theme": "blue",
        "whole": 1,
        "share": 1,
        "asleep": "bright",
    }
    assert found["layout"]["value"] == {"columns": 3, "note": None}
    assert (found["ranker"]["value"], found["ranker"]["variant"]) == (MODEL, "v2")
    assert found["asleep"]["reason"] == "DISABLED"


@pytest.mark.parametrize("script", ["server.mjs", "web.mjs"])
def test_javascript_gets_its_default_and_the_reason_on_errors(folder: Path, site: Site, script: str) -> None:
    found = told(folder, script, site, site.keys.server)

    assert (found["unheard"]["value"], found["unheard"]["errorCode"]) == (True, "FLAG_NOT_FOUND")
    assert (found["mistyped"]["value"], found["mistyped"]["errorCode"]) == (False, "TYPE_MISMATCH")


def test_the_server_provider_hears_that_nobody_was_named(folder: Path, site: Site) -> None:
    found = told(folder, "server.mjs", site, site.keys.server)

    assert found["nobody"]["errorCode"] == "TARGETING_KEY_MISSING"
