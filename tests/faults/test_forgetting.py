"""A worker killed while it forgets: the next one ends it, nobody else's events go, and reports follow."""

import json
import time
from pathlib import Path

import pytest
import urllib3
from deltalake import DeltaTable

from experiments import queries as experiment_queries
from experiments.events.lake import TABLES, Lake
from experiments.events.storage import backlog
from experiments.metrics import proportion
from flags import queries, service
from flags.forgetting import Stage
from flags.guards import By
from pointsman.core.bucketing import bucket
from pointsman.core.splits import owner
from runtime.database import Database
from tests.flows.making import ANNA, Running, running_experiment
from tests.platform import Platform, opened, platform, wait_until

USERS, FORGOTTEN = 400, 40


def send(running: Platform, experiment: Running) -> None:
    """Every user's exposure, click and prediction, in batches of a hundred users."""
    at_us = time.time_ns() // 1_000
    headers = {"Authorization": f"Bearer {experiment.sdk_key}"}
    with urllib3.PoolManager(retries=False, timeout=10.0) as pool:
        for first in range(0, USERS, 100):
            events = [
                event for number in range(first, first + 100) for event in met(experiment, number, at_us)
            ]
            body = json.dumps({"batch": f"{first:032x}", "events": events}).encode()
            url = f"{running.settings.base_url}/v1/events"
            assert pool.request("POST", url, body=body, headers=headers).status == 200


def met(experiment: Running, number: int, at_us: int) -> list[dict[str, object]]:
    unit = f"user-{number}"
    variant = owner(experiment.split, bucket(experiment.salt, unit))
    seen: dict[str, object] = {"at_us": at_us, "unit": unit}
    chosen = {"flag": "ranker", "variant": variant}
    return [
        {"type": "exposure", "rule": "r1", **seen, **chosen},
        {"type": "outcome", "name": "click", **seen},
        {"type": "prediction", "id": f"p{number}", **seen, **chosen},
    ]


def reported(database: Database, experiment: Running) -> int:
    """How many units the latest report counts."""
    with database.reading() as session:
        found = experiment_queries.find_report(
            session, experiment_queries.get_experiment(session, experiment.at)
        )
    return 0 if found is None else sum(found.report.units.values())


def drained(database: Database) -> bool:
    with database.reading() as session:
        return backlog(session).events == 0


def stages(database: Database) -> set[Stage]:
    with database.reading() as session:
        return {each.stage for each in queries.list_forgotten(session, "demo")}


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_a_worker_killed_between_two_tables_leaves_nothing_behind(tmp_path: Path) -> None:
    with platform(tmp_path) as running, opened(running.settings) as database:
        experiment = running_experiment(database, "ranker", ("v1", "v2"), (proportion("click"),))
        lake = Lake(running.settings.lake_dir)
        running.start("web", "worker")
        running.wait_until_ready()
        send(running, experiment)
        wait_until(lambda: drained(database), "every event in the lake")
        wait_until(lambda: reported(database, experiment) == USERS, "the report of every user")
        running.kill("worker")
        with database.session() as session:
            for number in range(FORGOTTEN):
                service.forget_unit(session, By(ANNA), "demo", f"user-{number}")
        before = lake.version(TABLES[0])

        running.start("worker")
        wait_until(lambda: lake.version(TABLES[0]) != before, "the first deletion")
        running.kill("worker")
        running.start("worker")
        wait_until(lambda: stages(database) == {Stage.CLEARED}, "every request to be cleared")

        stayed = sorted(f"user-{number}" for number in range(FORGOTTEN, USERS))
        for table in TABLES:
            rows = DeltaTable(str(running.settings.lake_dir / table)).to_pyarrow_table()
            assert sorted(rows["unit"].to_pylist()) == stayed, table
        with database.reading() as session:
            assert {each.events for each in queries.list_forgotten(session, "demo")} == {3}
        wait_until(lambda: reported(database, experiment) == USERS - FORGOTTEN, "the report without them")
