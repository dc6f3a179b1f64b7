"""A real experiment replayed through SDK, HTTP, inbox and lake gives the very counts of its file.

Data: the public Cookie Cats A/B test, 90,189 players (see the README beside the file). Each player keeps
the variant the file gives it, by a unit id that falls into that variant's buckets.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from experiments import queries, service
from experiments.events.storage import backlog
from experiments.metrics import mean, proportion
from experiments.report import Report
from experiments.stats.results import NotEstimable
from pointsman import Client, Options
from pointsman.core.bucketing import bucket
from pointsman.core.splits import owner
from runtime.database import Database
from tests.flows.making import ANNA, Running, running_experiment
from tests.platform import ROOT, Platform, opened, platform, wait_until

FILE = ROOT.parent / "shared" / "data" / "cookie_cats.csv"
METRICS = (proportion("retention_7"), proportion("retention_1"), mean("sum_gamerounds"))
# The SDK never blocks: a replay faster than any real traffic has to pause before its queue is full.
PAUSE_EVERY = 5_000
PATIENCE_S = 120.0

pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"the public data are not here: {FILE.name}")


class Player(NamedTuple):
    number: str
    variant: str
    rounds: int
    day_1: bool
    day_7: bool


class Count(NamedTuple):
    players: int
    day_7: int
    day_1: int
    rounds: int


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_cookie_cats_through_the_whole_platform_counts_every_player_once(tmp_path: Path) -> None:
    with platform(tmp_path) as running, opened(running.settings) as database:
        experiment = running_experiment(database, "gate", ("gate_30", "gate_40"), METRICS)
        running.start("web", "worker")
        running.wait_until_ready()

        replay(running, experiment)

        report = final_report(database, experiment)
        assert {name: counted(report, name) for name in ("gate_30", "gate_40")} == {
            name: count_file(name) for name in ("gate_30", "gate_40")
        }
        assert report.exclusions.crossovers == 0
        assert_published_numbers(report)


def replay(running: Platform, experiment: Running) -> None:
    options = Options(cache_dir=None, batch_size=1_000)
    with Client(running.settings.base_url, key=experiment.sdk_key, options=options) as client:
        assert client.wait_until_ready(PATIENCE_S)
        for number, player in enumerate(players()):
            play(client, experiment, player)
            if number % PAUSE_EVERY == 0:
                assert client.flush(PATIENCE_S)
        assert client.flush(PATIENCE_S)
        stats = client.stats()
    assert stats.rejected == 0
    assert sum(stats.dropped.values()) == 0


def play(client: Client, experiment: Running, player: Player) -> None:
    unit = unit_of(experiment, player)
    choice = client.variant("gate", unit=unit)
    assert choice.variant == player.variant
    client.expose(choice)
    for name, value in (
        ("retention_1", player.day_1),
        ("retention_7", player.day_7),
        ("sum_gamerounds", player.rounds),
    ):
        if value:
            client.record(name, unit=unit, value=value)


def unit_of(experiment: Running, player: Player) -> str:
    """The player's id with the first ending that falls where the player belongs."""
    ending = 0
    while True:
        unit = f"{player.number}-{ending}"
        if owner(experiment.split, bucket(experiment.salt, unit)) == player.variant:
            return unit
        ending += 1


def final_report(database: Database, experiment: Running) -> Report:
    def drained() -> bool:
        with database.reading() as session:
            return backlog(session).events == 0

    def made() -> bool:
        with database.reading() as session:
            stored = queries.find_report(session, queries.get_experiment(session, experiment.at))
        return stored is not None and stored.computed_at > stopped_at

    wait_until(drained, "the last event in the lake", patience_s=PATIENCE_S)
    stopped_at = datetime.now(UTC)
    with database.session() as session:
        version = queries.get_experiment(session, experiment.at).version
        service.stop(session, ANNA, experiment.at, expected_version=version, now=stopped_at)
    wait_until(made, "the final report", patience_s=PATIENCE_S)
    with database.reading() as session:
        return queries.get_report(session, experiment.at).report


def counted(report: Report, variant: str) -> Count:
    found = {key: entry.variants[variant] for key, entry in report.metrics.items()}
    totals = {key: round(each.n * (each.mean or 0.0), 6) for key, each in found.items()}
    return Count(
        report.units[variant],
        int(totals["retention_7"]),
        int(totals["retention_1"]),
        int(totals["sum_gamerounds"]),
    )


def count_file(variant: str) -> Count:
    own = [player for player in players() if player.variant == variant]
    return Count(
        len(own),
        sum(player.day_7 for player in own),
        sum(player.day_1 for player in own),
        sum(player.rounds for player in own),
    )


def assert_published_numbers(report: Report) -> None:
    primary = report.metrics["retention_7"].variants["gate_40"]
    assert primary.difference == pytest.approx(-0.008201, abs=5e-7)
    assert primary.statistic == pytest.approx(-3.16436, abs=5e-6)
    assert primary.p_value == pytest.approx(0.00155425, abs=5e-9)
    assert not isinstance(report.srm, NotEstimable)
    assert report.srm.chi2 == pytest.approx(6.9024, abs=5e-5)
    assert not report.srm.alarm


def players() -> Iterator[Player]:
    with FILE.open(newline="") as file:
        for row in csv.DictReader(file):
            yield Player(
                number=row["userid"],
                variant=row["version"],
                rounds=int(row["sum_gamerounds"]),
                day_1=row["retention_1"] == "TRUE",
                day_7=row["retention_7"] == "TRUE",
            )
