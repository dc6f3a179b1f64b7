"""A segment of a million units: put in by the command line, delivered hashed, evaluated by a real SDK."""

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from uuid import UUID

import pytest

from flags import queries, service
from flags.guards import By
from flags.model import FlagAt, NewFlag, RuleDraft, SegmentDraft, Targeting
from pointsman import Client, Options
from pointsman.core.model import InSegment, Json, Kind
from runtime.actors import Actor, ActorKind
from runtime.database import Database
from tests.platform import ROOT, Platform, opened, platform

ANNA = By(Actor(ActorKind.PERSON, "anna@example.org"), "a test")
AT = FlagAt("demo", "prod", "ranker")
MEMBERS, STRANGERS = 1_000_000, 100_000
WITHIN_S = 30.0
"""3 s measured on a quiet machine."""


def unit(number: int) -> str:
    return str(UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_million_units_are_in_and_a_hundred_thousand_strangers_out(tmp_path: Path) -> None:
    listed = tmp_path / "members.txt"
    listed.write_text("".join(f"{unit(number)}\n" for number in range(MEMBERS)))
    with platform(tmp_path) as running, opened(running.settings) as database:
        key = prepared(database)
        running.start("web")
        running.wait_until_ready()

        began = time.monotonic()
        told = put(running, listed)
        took = time.monotonic() - began

        assert told == f"members: {MEMBERS} units in, 0 out.\n"
        assert took < WITHIN_S
        with Client(running.settings.base_url, key=key, options=Options(cache_dir=None)) as client:
            assert client.wait_until_ready(60)
            served = [client.variant("ranker", unit=unit(n)).variant for n in range(MEMBERS + STRANGERS)]
        assert set(served[:MEMBERS]) == {"v2"}
        assert set(served[MEMBERS:]) == {"v1"}
        assert ruleset_bytes(running, key) < 10_000


def prepared(database: Database) -> str:
    """A flag that serves v2 to the members; the SDK key of its environment."""
    with database.session() as session:
        service.create_project(session, ANNA, "demo")
        service.create_segment(session, ANNA, "demo", "prod", SegmentDraft(key="members"))
        variants: dict[str, Json] = {name: {"model": name} for name in ("v1", "v2")}
        service.create_flag(session, ANNA, "demo", NewFlag(key="ranker", kind=Kind.MODEL, variants=variants))
        service.set_enabled(session, ANNA, AT, enabled=True, expected_version=1)
        rule = RuleDraft(weights={"v2": 100_000}, conditions=(InSegment("members"),))
        version = queries.get_state(session, AT).version
        targeting = Targeting(rules=(rule,), default="v1", off="v1")
        service.set_targeting(session, ANNA, AT, targeting, expected_version=version)
        return service.create_sdk_key(session, ANNA, "demo", "prod", name="a test").secret


def put(running: Platform, listed: Path) -> str:
    """What the command says that puts the list in."""
    environ = os.environ | running.settings.to_environment()
    environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'sdk' / 'src'}"
    command = ["segments", "put", "-p", "demo", "-e", "prod", "members", "--included", str(listed)]
    done = subprocess.run(
        [sys.executable, "-m", "cli", *command], env=environ, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ruleset_bytes(running: Platform, key: str) -> int:
    """The size of the ruleset, in which the units are not."""
    request = urllib.request.Request(
        f"{running.settings.base_url}/v1/ruleset", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return len(answer.read())
