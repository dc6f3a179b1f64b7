"""A sticky flag moves nobody: real web and worker, exposures through the SDK, cold SDKs afterwards."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from flags import queries, service
from flags.guards import By
from flags.model import FlagAt, NewFlag, RuleDraft, Targeting
from pointsman import Client, Options
from pointsman.core.model import Condition, Kind, Operator
from runtime.actors import Actor, ActorKind
from runtime.database import Database
from tests.platform import ROOT, Platform, opened, platform, wait_until

ANNA = By(Actor(ActorKind.PERSON, "anna@example.org"), "a test")
AT = FlagAt("demo", "prod", "ranker")
ENROLLED = 100_000
NEW = 100_000
CHANGES = 10
GERMANS = Condition(attribute="country", operator=Operator.EQUALS, values=("DE",))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_random_changes_and_restarts_move_none_of_a_hundred_thousand_enrolled_units(
    tmp_path: Path,
) -> None:
    chance = Random(20261121)
    with platform(tmp_path) as running, opened(running.settings) as database:
        key = prepared(database)
        running.start("web", "worker")
        running.wait_until_ready()
        enrolled = enrol(running, database, key)
        planned, realised = dict.fromkeys("123", 0.0), dict.fromkeys("123", 0.0)

        for number in range(CHANGES):
            weights, coverage = change(database, chance, number)
            if number % 3 == 2:
                running.kill("web")
                running.start("web")
                running.wait_until_ready()

            assert evaluated(running, key, 0, ENROLLED) == enrolled, f"units moved at change {number}"

            fresh = evaluated(running, key, 10_000_000 + number * NEW, NEW)
            share = coverage / 100_000
            planned["1"] += 1 - share  # whoever is not covered gets the default, v1
            for letter in "123":
                planned[letter] += weights[f"v{letter}"] * share / 100_000
                realised[letter] += fresh.count(letter) / NEW

        assert {letter: realised[letter] / CHANGES for letter in "123"} == pytest.approx(
            {letter: planned[letter] / CHANGES for letter in "123"}, abs=0.002
        )


def prepared(database: Database) -> str:
    """A sticky flag that serves half and half; the SDK key of its environment."""
    with database.session() as session:
        service.create_project(session, ANNA, "demo")
        new = NewFlag(
            key="ranker",
            kind=Kind.MODEL,
            variants={name: {"model": name} for name in ("v1", "v2", "v3")},
            sticky=True,
        )
        service.create_flag(session, ANNA, "demo", new)
        key = service.create_sdk_key(session, ANNA, "demo", "prod", name="tests")
        service.set_enabled(session, ANNA, AT, enabled=True, expected_version=1)
        first = RuleDraft(id="r1", weights={"v1": 50_000, "v2": 50_000})
        service.set_targeting(session, ANNA, AT, targeting(first), expected_version=2)
    return key.secret


def targeting(*rules: RuleDraft) -> Targeting:
    return Targeting(rules=rules, default="v1", off="v1")


def change(database: Database, chance: Random, number: int) -> tuple[dict[str, int], int]:
    """A random re-weight, coverage change, or another rule in front; what new units should get now."""
    cuts = sorted(chance.sample(range(5_000, 95_000), 2))
    weights = {"v1": cuts[0], "v2": cuts[1] - cuts[0], "v3": 100_000 - cuts[1]}
    coverage = chance.choice((100_000, 60_000, 30_000))
    rule = RuleDraft(id="r1", weights=weights, coverage=coverage)
    rules = [rule]
    if number == 4:  # A rule in front that matches everybody: the old one is never reached again.
        rules = [RuleDraft(id="r9", weights=weights, conditions=(GERMANS,), coverage=coverage), rule]
    with database.session() as session:
        state = queries.get_state(session, AT)
        service.set_targeting(session, ANNA, AT, targeting(*rules), expected_version=state.version)
    # Coverage is one draw a flag: whoever the rule in front does not cover, the one behind does not either.
    return weights, coverage


def enrol(running: Platform, database: Database, key: str) -> str:
    """Expose every unit once through the SDK and wait until the store has it; what each got."""
    options = Options(cache_dir=None, batch_size=1_000)
    letters = []
    with Client(running.settings.base_url, key=key, options=options) as client:
        assert client.wait_until_ready(30)
        for number in range(ENROLLED):
            choice = client.variant("ranker", unit=f"u{number}", context={"country": "DE"})
            client.expose(choice)
            letters.append(str(choice.variant)[-1])
            if number % 5_000 == 0:
                assert client.flush(60)
        assert client.flush(60)

    def stored() -> bool:
        with database.reading() as session:
            return sum(queries.count_assignments(session, AT).values()) == ENROLLED

    wait_until(stored, "every exposed unit in the store of assignments", patience_s=120)
    return "".join(letters)


def evaluated(running: Platform, key: str, first: int, units: int) -> str:
    """What a new SDK process, with nothing on its disk, gives these units."""
    environ = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'sdk' / 'src'}"}
    arguments = (running.settings.base_url, key, "ranker", str(first), str(units))
    done = subprocess.run(
        [sys.executable, "-m", "tests.flows.evaluating", *arguments],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout
