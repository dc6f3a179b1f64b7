"""Acknowledged means remembered: exposures still in the inbox count when a sticky flag's rules change."""

import json
import threading
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import runtime.accounts.tables  # noqa: F401  (names the tables)
from experiments.events.drain import drain_once
from experiments.events.ingest import take_in
from experiments.events.lake import Lake
from experiments.events.waiting import WaitingExposures
from flags import queries, service
from flags.guards import By
from flags.model import FlagEdit, RuleDraft, Targeting
from pointsman.core.choice import Choice
from runtime.actors import SYSTEM
from runtime.database import Base, Database
from runtime.errors import Locked
from tests.flags.making import ANNA, PROD, V1, counted
from tests.flags.sticky import served, sticky_flag, variants

UNITS = [f"u{number}" for number in range(2_000)]
ANNA_WAITS = replace(ANNA, waiting=WaitingExposures())


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database, once of each kind."""
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'test.db'}" if is_sqlite else request.getfixturevalue("postgres_url")
    opened = Database(url)
    Base.metadata.create_all(opened.engine)
    yield opened
    opened.close()


def acknowledge(database: Database, choices: Iterable[Choice]) -> None:
    """The exposures of these choices as an SDK sends them, five hundred a batch."""
    now = datetime.now(UTC)
    events = [
        {
            "type": "exposure",
            "at_us": int(now.timestamp() * 1_000_000),
            "flag": choice.flag,
            "unit": choice.unit,
            "variant": choice.variant,
            "rule": choice.rule,
            "revision": choice.revision,
        }
        for choice in choices
    ]
    with database.reading() as session:
        environment = queries.get_environment(session, "demo", "prod").id
    for start in range(0, len(events), 500):
        body = json.dumps({"batch": uuid.uuid4().hex, "events": events[start : start + 500]})
        receipt = take_in(database, environment, body.encode(), "", now=now)
        assert receipt.accepted == len(events[start : start + 500])


def reweight(database: Database, by: By = ANNA_WAITS) -> None:
    rules = (RuleDraft(id="r1", weights={"v1": 10_000, "v2": 90_000}),)
    with database.session() as session:
        version = queries.get_state(session, PROD).version
        targeting = Targeting(rules=rules, default="v1", off="v1")
        service.set_targeting(session, by, PROD, targeting, expected_version=version)


def begun(database: Database) -> dict[str, Choice]:
    """A sticky flag split in halves, and what every unit gets of it."""
    with database.session() as session:
        sticky_flag(session)
    with database.reading() as session:
        return served(session, UNITS)


def after(database: Database) -> dict[str, str]:
    """What a cold SDK answers now."""
    with database.reading() as session:
        return variants(served(session, UNITS))


def enrolled(database: Database) -> int:
    with database.reading() as session:
        return sum(queries.count_assignments(session, PROD).values())


def drain(database: Database, lake: Lake) -> None:
    while drain_once(database, lake, lambda _: "demo/prod", now=datetime.now(UTC)):
        pass


def test_units_whose_exposures_wait_in_the_inbox_stay(database: Database) -> None:
    before = begun(database)
    acknowledge(database, before.values())

    reweight(database)

    assert after(database) == variants(before)
    assert enrolled(database) == len(UNITS)


def test_without_anybody_who_knows_of_them_some_would_move(database: Database) -> None:
    before = begun(database)
    acknowledge(database, before.values())

    reweight(database, ANNA)

    assert after(database) != variants(before)


def test_the_worker_brings_the_same_exposures_again_and_they_count_once(
    database: Database, tmp_path: Path
) -> None:
    before = begun(database)
    other = {"v1": "v2", "v2": "v1"}
    crossing = [choice._replace(variant=other[str(choice.variant)]) for choice in before.values()][:100]
    acknowledge(database, [*before.values(), *crossing])
    new, crossed = counted("pointsman_sticky_enrolled_total"), counted("pointsman_sticky_crossed_total")
    reweight(database)

    drain(database, Lake(tmp_path / "lake"))

    assert enrolled(database) == len(UNITS)
    assert counted("pointsman_sticky_enrolled_total") - new == len(UNITS)
    assert counted("pointsman_sticky_crossed_total") - crossed == 100
    assert after(database) == variants(before)


def test_a_worker_that_drains_at_the_same_moment_changes_nothing(database: Database, tmp_path: Path) -> None:
    before = begun(database)
    acknowledge(database, before.values())
    together = threading.Barrier(2)

    def work() -> None:
        together.wait()
        drain(database, Lake(tmp_path / "lake"))

    worker = threading.Thread(target=work)
    worker.start()
    together.wait()
    reweight(database)
    worker.join()

    assert enrolled(database) == len(UNITS)
    assert after(database) == variants(before)


def test_a_removed_variants_units_go_where_the_admin_says_though_they_still_wait(database: Database) -> None:
    before = begun(database)
    acknowledge(database, before.values())

    with database.session() as session:
        targeting = Targeting(rules=(RuleDraft(id="r1", weights={"v1": 100_000}),), default="v1", off="v1")
        version = queries.get_state(session, PROD).version
        service.set_targeting(session, ANNA_WAITS, PROD, targeting, expected_version=version)
        flag = queries.get_flag(session, "demo", "ranker").flag
        edit = FlagEdit(variants={"v1": V1}, moves={"v2": "v1"})
        service.edit_flag(session, ANNA_WAITS, "demo", "ranker", edit, expected_version=flag.version)

    assert set(after(database).values()) == {"v1"}
    assert enrolled(database) == len(UNITS)


def test_when_too_many_wait_people_are_refused_and_nothing_changes(database: Database) -> None:
    before = begun(database)
    acknowledge(database, before.values())

    with pytest.raises(Locked, match="2000 acknowledged events wait for the worker"):
        reweight(database, replace(ANNA, waiting=WaitingExposures(most_events=1_999)))

    assert enrolled(database) == 0
    assert after(database) == variants(before)


def test_when_too_many_wait_the_system_goes_on_and_the_worker_keeps_them_late(
    database: Database, tmp_path: Path
) -> None:
    before = begun(database)
    acknowledge(database, before.values())
    by = By(SYSTEM, waiting=WaitingExposures(most_events=1_999))

    reweight(database, by)
    drain(database, Lake(tmp_path / "lake"))
    with database.session() as session:
        service.keep_late(session, by, "demo", "prod")

    assert after(database) == variants(before)
