"""However many processes and threads ask at once, a unit of a sticky flag has one variant."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flags import queries, service
from flags.model import RuleDraft
from runtime.database import Database
from tests.flows.test_sticky import ANNA, AT, prepared, targeting
from tests.platform import ROOT, Platform, opened, platform

PROCESSES = 4
THREADS = 16
UNITS = 1_000


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.timeout(400)
@pytest.mark.parametrize("cache", ["alone", "with redis"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_and_threads_that_race_for_new_units_get_one_variant_each(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, cache: str
) -> None:
    database_url = request.getfixturevalue("postgres_url") if kind == "postgresql" else ""
    redis_url = request.getfixturevalue("redis_server").url if cache == "with redis" else None
    with (
        platform(tmp_path, database_url=database_url, redis_url=redis_url) as running,
        opened(running.settings) as database,
    ):
        key = prepared(database)
        running.start("web")
        running.wait_until_ready()

        racing = [ask(running, key, seed) for seed in range(PROCESSES)]
        # In the middle of the race the split is turned round: nobody's variant may turn with it.
        reweight(database)
        answers = [variants for process in racing for variants in finished(process)]

        assert len(answers) == PROCESSES * THREADS
        assert all(each == answers[0] for each in answers)
        with database.reading() as session:
            assert sum(queries.count_assignments(session, AT).values()) == UNITS


def reweight(database: Database) -> None:
    with database.session() as session:
        state = queries.get_state(session, AT)
        rule = RuleDraft(id="r1", weights={"v1": 10_000, "v2": 90_000})
        service.set_targeting(session, ANNA, AT, targeting(rule), expected_version=state.version)


def ask(running: Platform, key: str, seed: int) -> "subprocess.Popen[str]":
    environ = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'sdk' / 'src'}"}
    arguments = (running.settings.base_url, key, "ranker", str(UNITS), str(THREADS), str(seed))
    return subprocess.Popen(
        [sys.executable, "-m", "tests.flows.assigning", *arguments],
        env=environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def finished(process: "subprocess.Popen[str]") -> list[list[str]]:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]
