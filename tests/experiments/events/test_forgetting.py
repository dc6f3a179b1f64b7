"""Forgetting a unit takes its events too: from the tables, from what still waits, and from the files."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from experiments.events import storage
from experiments.events.drain import drain_once
from experiments.events.forgetting import KEPT_FOR, forget_units
from experiments.events.gauges import forgetting_gauges
from experiments.events.ingest import take_in
from experiments.events.lake import TABLES, Lake, Wanted
from flags import queries, service
from flags.forgetting import ForgetRequest, Stage
from flags.service import forgetting
from runtime.database import Base, Database
from tests.flags.making import ANNA
from tests.flags.sticky import served, sticky_flag

HOSTILE = (
    "o'brien",
    "' OR 1=1 --",
    "'') OR ('a'='a",
    'say "hello"',
    "back\\slash\\'",
    "日本語",
    "e\u0301",
    "%_*",
    "line\nbreak",
    "😀" * 64,
    "U1",
)
NOW_US = time.time_ns() // 1_000
LATER = timedelta(days=2)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with the sticky flag ranker, once of each kind."""
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'test.db'}" if sqlite else request.getfixturevalue("postgres_url")
    opened = Database(url)
    Base.metadata.create_all(opened.engine)
    with opened.session() as session:
        sticky_flag(session)
    yield opened
    opened.close()


def now() -> datetime:
    return datetime.now(UTC)


def environment_id(database: Database) -> int:
    with database.reading() as session:
        return queries.get_environment(session, "demo", "prod").id


def send(
    database: Database, *units: str, batch: int = 0, at_us: int = NOW_US, received: datetime | None = None
) -> None:
    """One batch with an event of each kind for each unit; exposures as the flag's rule gives them."""
    with database.reading() as session:
        choices = served(session, units)
    events: list[dict[str, Any]] = []
    for unit, choice in choices.items():
        seen = {"at_us": at_us, "unit": unit}
        met = {"flag": "ranker", "variant": str(choice.variant)}
        events += [
            {"type": "exposure", "rule": "r1", "revision": choice.revision, **seen, **met},
            {"type": "outcome", "name": "click", **seen},
            {"type": "prediction", "id": f"p-{unit}"[:200], **seen, **met},
        ]
    sent = json.dumps({"batch": f"{batch:032x}", "events": events}).encode()
    take_in(database, environment_id(database), sent, "", now=received or now())


def drain(database: Database, lake: Lake) -> None:
    while drain_once(database, lake, lambda _id: "demo/prod", now=now()):
        pass


def forget(database: Database, unit: str) -> ForgetRequest:
    with database.session() as session:
        return service.forget_unit(session, ANNA, "demo", unit)


def work(database: Database, lake: Lake, *, at: datetime | None = None, **options: Any) -> None:
    while forget_units(database, lake, at or now(), **options):
        pass


def request_of(database: Database, unit: str) -> ForgetRequest:
    with database.reading() as session:
        return queries.list_forgotten(session, "demo", unit=unit)[0]


def units(lake: Lake, table: str) -> list[str]:
    rows = DeltaTable(str(lake.folder / table)).to_pyarrow_table()
    return sorted(rows["unit"].to_pylist())


def assert_only(lake: Lake, *expected: str) -> None:
    for table in TABLES:
        assert units(lake, table) == sorted(expected), table


def test_a_forgotten_unit_leaves_every_event_table_and_others_stay(database: Database, lake: Lake) -> None:
    send(database, "u1", "u2")
    send(database, "u1", "u3", batch=1)
    drain(database, lake)

    forget(database, "u1")
    work(database, lake)

    assert_only(lake, "u2", "u3")
    request = request_of(database, "u1")
    assert (request.stage, request.assignments, request.events) == (Stage.CLEARED, 1, 6)


@pytest.mark.parametrize("unit", HOSTILE, ids=lambda unit: ascii(unit)[:20])
def test_any_name_is_deleted_and_only_it(sqlite_lake: tuple[Database, Lake], unit: str) -> None:
    database, lake = sqlite_lake

    forget(database, unit)
    work(database, lake)

    assert_only(lake, "u1", *(each for each in HOSTILE if each != unit))


@pytest.fixture
def sqlite_lake(tmp_path: Path, lake: Lake) -> Iterator[tuple[Database, Lake]]:
    """SQLite and a lake that holds every hostile name, and one plain one."""
    opened = Database(f"sqlite:///{tmp_path / 'test.db'}")
    Base.metadata.create_all(opened.engine)
    with opened.session() as session:
        sticky_flag(session)
    send(opened, "u1", *HOSTILE)
    drain(opened, lake)
    yield opened, lake
    opened.close()


def test_other_projects_keep_their_unit_of_that_name(database: Database, lake: Lake) -> None:
    with database.session() as session:
        service.create_project(session, ANNA, "demo2")
        theirs = queries.get_environment(session, "demo2", "prod").id
    event = {"type": "outcome", "at_us": NOW_US, "unit": "u1", "name": "click"}
    body = json.dumps({"batch": "f" * 32, "events": [event]}).encode()
    take_in(database, theirs, body, "", now=now())
    while drain_once(database, lake, {theirs: "demo2/prod"}.__getitem__, now=now()):
        pass
    send(database, "u1")
    drain(database, lake)

    forget(database, "u1")
    work(database, lake)

    rows = DeltaTable(str(lake.folder / "outcomes")).to_pyarrow_table()
    assert rows["environment"].to_pylist() == ["demo2/prod"]


def test_what_was_received_before_and_waits_is_left_out_and_enrolls_nobody(
    database: Database, lake: Lake
) -> None:
    send(database, "u1", "u2")
    forget(database, "u1")

    work(database, lake)
    waiting = request_of(database, "u1")
    drain(database, lake)
    work(database, lake)

    assert waiting.stage is Stage.WAITING
    assert request_of(database, "u1").stage is Stage.CLEARED
    assert_only(lake, "u2")
    with database.reading() as session:
        assert queries.get_unit(session, "demo", "u1").assignments == ()
        assert len(queries.get_unit(session, "demo", "u2").assignments) == 1


def test_events_of_before_that_come_later_are_left_out_though_the_name_is_gone(
    database: Database, lake: Lake
) -> None:
    send(database, "u2")
    drain(database, lake)
    forget(database, "u1")
    work(database, lake)
    work(database, lake, at=now() + LATER)
    assert request_of(database, "u1").unit is None

    send(database, "u1", "u3", batch=1, at_us=NOW_US - 3_600_000_000)
    drain(database, lake)

    assert_only(lake, "u2", "u3")


def test_a_clock_that_runs_ahead_saves_no_event(database: Database, lake: Lake) -> None:
    received = now()
    forget(database, "u1")

    send(database, "u1", "u2", at_us=NOW_US + 240_000_000, received=received)
    drain(database, lake)

    assert_only(lake, "u2")


def test_a_visit_after_the_request_is_a_first_visit(database: Database, lake: Lake) -> None:
    send(database, "u1")
    drain(database, lake)
    forget(database, "u1")
    work(database, lake)

    send(database, "u1", batch=1, at_us=time.time_ns() // 1_000)
    drain(database, lake)
    work(database, lake)

    assert_only(lake, "u1")
    with database.reading() as session:
        assert len(queries.get_unit(session, "demo", "u1").assignments) == 1


def test_drains_stay_exactly_once_across_deletion_and_clearing_of_files(
    database: Database, lake: Lake
) -> None:
    send(database, "u1", "u2")
    drain(database, lake)
    with database.reading() as session:
        number, writer = storage.next_drain(session)
    forget(database, "u1")
    work(database, lake)
    work(database, lake, at=now() + LATER, kept_for=timedelta(0))

    assert writer is not None
    assert all(lake.has(table, writer, number - 1) for table in TABLES)
    assert not any(lake.has(table, writer, number) for table in TABLES)
    send(database, "u3", batch=1)
    drain(database, lake)
    send(database, "u3", batch=1)
    drain(database, lake)

    assert_only(lake, "u2", "u3")


def test_when_it_is_done_no_file_names_the_unit(database: Database, lake: Lake) -> None:
    send(database, "aaa-first-of-all", "u2")
    drain(database, lake)
    forget(database, "aaa-first-of-all")
    assert naming(lake, b"aaa-first-of-all")

    work(database, lake, kept_for=timedelta(0))
    work(database, lake, kept_for=timedelta(0))

    assert naming(lake, b"aaa-first-of-all") == []
    assert_only(lake, "u2")
    request = request_of(database, "aaa-first-of-all")
    assert (request.stage, request.unit, request.events) == (Stage.DONE, None, 3)


def naming(lake: Lake, unit: bytes) -> list[str]:
    return [path.name for path in lake.folder.rglob("*") if path.is_file() and unit in path.read_bytes()]


def test_a_reader_that_has_begun_can_finish_for_half_a_day(database: Database, lake: Lake) -> None:
    send(database, "u1", "u2")
    drain(database, lake)
    read_before = {table: lake.files(table) for table in TABLES}

    forget(database, "u1")
    work(database, lake)
    work(database, lake, at=now() + KEPT_FOR)

    assert all(Path(file).exists() for files in read_before.values() for file in files)


def test_requests_are_done_half_a_day_after_they_were_cleared(database: Database, lake: Lake) -> None:
    begun = now()
    forget(database, "u1")
    work(database, lake, at=begun)

    work(database, lake, at=begun + KEPT_FOR - timedelta(seconds=1))
    before = request_of(database, "u1").stage
    work(database, lake, at=begun + KEPT_FOR)

    assert before is Stage.CLEARED
    assert request_of(database, "u1").stage is Stage.DONE


def test_a_row_that_slipped_in_is_found_by_the_second_look(database: Database, lake: Lake) -> None:
    from experiments.events.columns import to_tables

    send(database, "u2")
    drain(database, lake)
    forget(database, "u1")
    work(database, lake)
    late = {"type": "outcome", "at_us": NOW_US, "unit": "u1", "name": "click"}
    lake.append("outcomes", to_tables([("demo/prod", "f" * 32, late)])["outcomes"], "another", 1)

    work(database, lake, at=now() + LATER, kept_for=LATER)

    request = request_of(database, "u1")
    assert (request.stage, request.events) == (Stage.CLEARED, 1)
    assert units(lake, "outcomes") == ["u2"]


@pytest.mark.parametrize("place", ["before the first table", "between the tables", "before it is noted"])
def test_a_worker_that_dies_in_the_middle_leaves_a_request_the_next_one_takes_up(
    database: Database, lake: Lake, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    send(database, "u1", "u2")
    drain(database, lake)
    forget(database, "u1")
    with monkeypatch.context() as patched:
        die(patched, place)
        with pytest.raises(Died):
            work(database, lake)

    work(database, lake)

    assert_only(lake, "u2")
    request = request_of(database, "u1")
    assert (request.stage, request.events) == (Stage.CLEARED, 3)


class Died(Exception):
    """Stands for a kill -9 at the marked place."""


def die(patched: pytest.MonkeyPatch, place: str) -> None:
    delete, calls = Lake.delete_units, iter(range(10))
    wanted_call = 0 if place == "before the first table" else 1

    def at_the_table(*args: Any) -> int:
        if next(calls) == wanted_call:
            raise Died
        return delete(*args)

    def at_once(*_args: object, **_options: object) -> None:
        raise Died

    if place == "before it is noted":
        patched.setattr(forgetting, "note_cleared", at_once)
    else:
        patched.setattr(Lake, "delete_units", at_the_table)


def test_two_workers_at_once_delete_it_and_lose_nothing_else(database: Database, lake: Lake) -> None:
    everyone = [f"u{number}" for number in range(20)]
    send(database, *everyone)
    drain(database, lake)
    for unit in everyone[:10]:
        forget(database, unit)
    together = threading.Barrier(2)

    def worker() -> None:
        from deltalake.exceptions import CommitFailedError

        together.wait()
        for _ in range(3):  # A worker tries a step that failed again.
            try:
                work(database, lake)
            except CommitFailedError:
                continue

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work(database, lake)  # The later of the two may have been refused its last commit, and looks once more.

    assert_only(lake, *everyone[10:])
    with database.reading() as session:
        found = queries.list_forgotten(session, "demo")
    assert {(each.stage, each.events) for each in found} == {(Stage.CLEARED, 3)}


def test_batches_can_be_looked_up_in_a_table_that_had_a_deletion(database: Database, lake: Lake) -> None:
    from experiments.events.columns import to_tables

    send(database, "u1", "u2", "u3")
    drain(database, lake)
    forget(database, "u1")
    work(database, lake)
    click = {"type": "outcome", "at_us": NOW_US, "unit": "u9", "name": "click"}
    rows = to_tables([("demo/prod", f"{batch:032x}", click) for batch in (0, 1)])["outcomes"]

    fresh = lake.without_known("outcomes", rows, [f"{0:032x}", f"{1:032x}"])

    assert fresh["batch"].to_pylist() == [f"{1:032x}"]


def test_an_exposure_in_flight_does_not_bring_the_assignment_back(database: Database) -> None:
    with database.reading() as session:
        choice = served(session, ["u1"])["u1"]
    seen = service.Exposed(
        flag="ranker",
        unit="u1",
        variant=str(choice.variant),
        rule="r1",
        revision=choice.revision,
        at=now(),
    )
    forget(database, "u1")

    with database.session() as session:
        new = service.enrol_exposed(session, "demo", environment_id(database), [seen])

    assert new == 0


def test_a_file_that_never_became_part_of_the_table_goes_too_but_not_at_once(lake: Lake) -> None:
    from experiments.events.columns import to_tables

    event = {"type": "outcome", "at_us": NOW_US, "unit": "u1", "name": "click"}
    lake.append("outcomes", to_tables([("demo/prod", "f" * 32, event)])["outcomes"], "writer", 1)
    [inside] = [Path(file) for file in lake.files("outcomes")]
    stray = inside.with_name("part-stray.parquet")
    stray.write_bytes(inside.read_bytes())

    lake.remove_replaced("outcomes", timedelta(hours=1))
    kept = stray.exists()
    lake.remove_replaced("outcomes", timedelta(0))

    assert kept
    assert not stray.exists()
    assert units(lake, "outcomes") == ["u1"]


def test_an_empty_lake_has_nothing_to_delete(lake: Lake) -> None:
    wanted = (Wanted(environments=("demo/prod",), units=("u1",)),)

    assert lake.count_units("outcomes", wanted) == {}
    assert lake.delete_units("outcomes", wanted) == 0
    lake.remove_replaced("outcomes", timedelta(0))


def test_the_gauges_say_how_long_the_oldest_request_has_been_open(database: Database) -> None:
    forget(database, "u1")

    with database.reading() as session:
        found = forgetting_gauges(session)

    assert found["pointsman_forget_requests_open"] == 1
    assert 0 <= found["pointsman_forget_requests_oldest_seconds"] < 60
