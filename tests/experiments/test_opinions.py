"""Which flags have outlived their experiment."""

from experiments import service
from experiments.opinions import ExperimentOpinion
from runtime.database import Database
from tests.experiments.world import ADA, AT, NOW, design


def said(database: Database) -> dict[str, str]:
    with database.reading() as session:
        return dict(ExperimentOpinion().stale(session, "demo", "prod"))


def test_a_flag_is_over_when_its_latest_experiment_is(database: Database) -> None:
    with database.session() as session:
        service.create(session, ADA, AT, design(), now=NOW)
        running = service.start(session, ADA, AT, expected_version=1, now=NOW)
    assert said(database) == {}

    with database.session() as session:
        service.stop(session, ADA, AT, expected_version=running.version, now=NOW)

    assert said(database) == {
        "digit-reader": "experiment better-digits was stopped and waits for its decision"
    }
