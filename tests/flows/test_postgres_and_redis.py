"""The large installation: PostgreSQL and Redis give the same answers, and Redis may vanish at any time."""

from pathlib import Path

import pytest

from experiments import queries
from experiments.metrics import proportion
from flags import service
from flags.guards import By
from flags.model import FlagAt
from flags.queries import get_state
from pointsman import Client, Options
from pointsman.core.bucketing import bucket
from pointsman.core.splits import owner
from tests.flows.making import ANNA, Running, running_experiment
from tests.platform import PATIENCE_S, Platform, opened, platform, wait_until
from tests.servers import RedisServer

USERS = 600

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


def client_of(running: Platform, experiment: Running) -> Client:
    options = Options(cache_dir=None, poll_interval_s=0.2)
    return Client(running.settings.base_url, key=experiment.sdk_key, options=options)


def serve(client: Client, experiment: Running, users: range) -> None:
    for number in users:
        unit = f"user-{number}"
        choice = client.variant("ranker", unit=unit)
        assert choice.variant == owner(experiment.split, bucket(experiment.salt, unit))
        client.expose(choice)
        client.record("click", unit=unit, value=choice.variant == "v2")
    assert client.flush(PATIENCE_S)


@pytest.mark.timeout(300)
def test_the_whole_story_on_postgresql_while_redis_is_flushed_and_killed(
    tmp_path: Path, postgres_url: str, redis_server: RedisServer
) -> None:
    with (
        platform(tmp_path, database_url=postgres_url, redis_url=redis_server.url) as running,
        opened(running.settings) as database,
    ):
        experiment = running_experiment(database, "ranker", ("v1", "v2"), (proportion("click"),))
        running.start("web", "worker")
        running.wait_until_ready()
        with client_of(running, experiment) as client:
            assert client.wait_until_ready(PATIENCE_S)
            serve(client, experiment, range(200))
            redis_server.flush()
            serve(client, experiment, range(200, 400))
            redis_server.stop()
            serve(client, experiment, range(400, USERS))

            with database.session() as session:
                at = FlagAt("demo", "prod", "ranker")
                version = get_state(session, at).version
                service.set_enabled(session, By(ANNA), at, enabled=False, expected_version=version)

            wait_until(
                lambda: client.variant("ranker", unit="user-1").reason == "OFF",
                "the kill switch to reach the SDK with Redis gone",
            )

        def counted() -> bool:
            with database.reading() as session:
                stored = queries.find_report(session, queries.get_experiment(session, experiment.at))
            return stored is not None and sum(stored.report.units.values()) == USERS

        wait_until(counted, "the report of every user")
