"""Exposures on their way to the lake are counted as use, once, whatever stops in the middle."""

import json
from datetime import date, timedelta

import pytest

from experiments.events import drain as drains
from experiments.events import instances
from experiments.events.drain import drain_once
from experiments.events.ingest import take_in
from experiments.events.lake import Lake
from flags.storage import usage
from flags.storage.tables import FlagRow
from flags.usage import UsageTotal
from runtime.database import Database
from tests.experiments.events.conftest import NOW
from tests.experiments.events.test_drain import DAY_US, NOW_US, Died, die, drain_all, name_of


def make_flag(database: Database) -> None:
    with database.session() as session:
        row = FlagRow(
            project_id=1,
            key="f",
            name="f",
            description="",
            kind="boolean",
            salt="s",
            variants={"v1": True, "v2": False},
            version=1,
            created_at=NOW,
        )
        session.add(row)


def send(database: Database, number: int, *variants: str, days_ago: int = 0) -> None:
    events = [
        {
            "type": "exposure",
            "at_us": NOW_US - days_ago * DAY_US,
            "flag": "f",
            "unit": f"u{index}",
            "variant": variant,
        }
        for index, variant in enumerate(variants)
    ]
    events.append({"type": "outcome", "at_us": NOW_US, "unit": "u0", "name": "click"})
    take_in(database, 1, json.dumps({"batch": f"{number:032x}", "events": events}).encode(), "", now=NOW)


def met(database: Database, *, since: date | None = None) -> dict[str, int]:
    return {each.variant: each.exposures for each in totals(database, since=since)}


def totals(database: Database, *, since: date | None = None) -> tuple[UsageTotal, ...]:
    with database.reading() as session:
        return usage.totals(session, [1], since=since, by_variant=True)


def test_exposures_are_counted_by_variant_and_day(database: Database, lake: Lake) -> None:
    make_flag(database)
    send(database, 0, "v1", "v1", "v2", "nobody")
    send(database, 1, "v1", days_ago=3)

    drain_all(database, lake)

    assert met(database) == {"v1": 3, "v2": 1}
    assert met(database, since=NOW.date()) == {"v1": 2, "v2": 1}
    assert [each.last_seen for each in totals(database)] == [NOW, NOW]


@pytest.mark.parametrize("place", ["before the first table", "between the tables", "before finishing"])
def test_a_worker_that_dies_in_the_middle_counts_nothing_twice(
    database: Database, lake: Lake, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    make_flag(database)
    send(database, 0, "v1", "v2")
    with monkeypatch.context() as patched:
        die(patched, place)
        with pytest.raises(Died):
            drain_once(database, lake, name_of, now=NOW)
    assert met(database) == {}

    drain_all(database, lake)

    assert met(database) == {"v1": 1, "v2": 1}


def test_two_workers_at_one_drain_count_it_once(
    database: Database, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_flag(database)
    send(database, 0, "v1")
    write = drains._write

    def overtaken(*args: object) -> None:
        monkeypatch.setattr(drains, "_write", write)
        drain_once(database, lake, name_of, now=NOW)
        write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(drains, "_write", overtaken)
    drain_once(database, lake, name_of, now=NOW)

    assert met(database) == {"v1": 1}


def tell(database: Database, number: int, evaluations: dict[str, dict[str, int]], *events: object) -> None:
    told = {"batch": f"{number:032x}", "events": list(events), "evaluations": evaluations}
    take_in(database, 1, json.dumps(told).encode(), "", now=NOW)


def evaluated(database: Database) -> dict[str, int]:
    return {each.variant: each.evaluations for each in totals(database)}


def test_evaluations_count_once_however_often_their_batch_comes(database: Database, lake: Lake) -> None:
    make_flag(database)
    for _ in range(3):
        tell(database, 1, {"f": {"v1": 40, "v2": 2, "nobody": 1}, "unknown": {"v1": 5}})
        drain_all(database, lake)
    tell(database, 2, {"f": {"v1": 2}})
    drain_all(database, lake)

    assert evaluated(database) == {"v1": 42, "v2": 2}
    assert {each.last_seen for each in totals(database)} == {NOW}


def test_evaluations_and_exposures_of_one_batch_add_up(database: Database, lake: Lake) -> None:
    make_flag(database)
    met_once = {"type": "exposure", "at_us": NOW_US, "flag": "f", "unit": "u1", "variant": "v1"}
    tell(database, 1, {"f": {"v1": 7}}, met_once, {"type": "nothing"})

    drain_all(database, lake)

    assert (evaluated(database), met(database)) == ({"v1": 7}, {"v1": 1})


def test_a_worker_that_dies_counts_no_evaluation_twice(
    database: Database, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_flag(database)
    tell(database, 1, {"f": {"v1": 7}})
    with monkeypatch.context() as patched:
        die(patched, "before finishing")
        with pytest.raises(Died):
            drain_once(database, lake, name_of, now=NOW)

    drain_all(database, lake)

    assert evaluated(database) == {"v1": 7}


def test_each_process_is_known_with_its_device_and_the_rules_it_is_at(database: Database, lake: Lake) -> None:
    def say(number: int, **said: object) -> None:
        batch = {
            "batch": f"{number:032x}",
            "instance": "a" * 32,
            "evaluations": {"f": {"v1": 1}},
            "events": [],
        }
        moment = NOW + timedelta(seconds=number)
        take_in(database, 1, json.dumps(batch | said).encode(), "", now=moment)

    say(1, device="kiosk-17", revision=3)
    say(3, revision=5)
    drain_all(database, lake)
    say(2, device="late", revision=4)
    say(4)
    drain_all(database, lake)

    with database.reading() as session:
        (sender,) = instances.of_environment(session, 1)
    assert (sender.device, sender.revision) == ("kiosk-17", 5)
