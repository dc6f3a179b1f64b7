"""Exactly once into the lake, whatever stops in the middle."""

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from experiments.events import instances, storage
from experiments.events.columns import to_tables
from experiments.events.drain import drain_once
from experiments.events.ingest import take_in
from experiments.events.lake import Lake
from runtime.database import Database
from tests.experiments.events.conftest import NOW

NOW_US = int(NOW.timestamp() * 1_000_000)
DAY_US = 86_400_000_000


class Died(Exception):
    """Stands for a kill -9 at the marked place."""


def send(database: Database, number: int, *, more: dict[str, Any] | None = None) -> None:
    events = [
        {"type": "exposure", "at_us": NOW_US, "flag": "f", "unit": f"u{number}", "variant": "v1"},
        {"type": "outcome", "at_us": NOW_US - number * DAY_US, "unit": f"u{number}", "name": "click"},
    ]
    sent = {"batch": f"{number:032x}", "events": events} | (more or {})
    take_in(database, 1, json.dumps(sent).encode(), "", now=NOW)


def name_of(_environment_id: int) -> str:
    return "demo/prod"


def drain_all(database: Database, lake: Lake) -> None:
    while drain_once(database, lake, name_of, now=NOW):
        pass


def units(lake: Lake, table: str) -> list[str]:
    rows = DeltaTable(str(lake.folder / table)).to_pyarrow_table()
    return sorted(rows["unit"].to_pylist())


def expected(count: int) -> list[str]:
    return sorted(f"u{number}" for number in range(count))


def test_events_reach_their_tables_with_their_values(database: Database, lake: Lake) -> None:
    send(database, 3)

    drain_all(database, lake)

    row = DeltaTable(str(lake.folder / "outcomes")).to_pyarrow_table().to_pylist()[0]
    assert row["environment"] == "demo/prod"
    assert (row["unit"], row["name"], row["value"]) == ("u3", "click", 1.0)
    assert row["at"] == NOW - timedelta(days=3)
    assert row["day"] == (NOW - timedelta(days=3)).date()
    assert lake.files("predictions") == []


def test_a_drained_batch_sent_again_is_still_a_duplicate(database: Database, lake: Lake) -> None:
    send(database, 0)
    drain_all(database, lake)

    send(database, 0)
    drain_all(database, lake)

    assert units(lake, "outcomes") == ["u0"]


@pytest.mark.parametrize("place", ["before the first table", "between the tables", "before finishing"])
def test_a_worker_that_dies_in_the_middle_leaves_nothing_twice_and_nothing_out(
    database: Database, lake: Lake, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    send(database, 0)
    send(database, 1)
    with monkeypatch.context() as patched:
        die(patched, place)
        with pytest.raises(Died):
            drain_once(database, lake, name_of, now=NOW)
    send(database, 2)

    drain_all(database, lake)

    assert units(lake, "exposures") == expected(3)
    assert units(lake, "outcomes") == expected(3)


def die(patched: pytest.MonkeyPatch, place: str) -> None:
    def at_once(*_: object) -> None:
        raise Died

    append, calls = Lake.append, iter(range(10))

    def at_the_second(*args: Any) -> None:
        if next(calls) == 1:
            raise Died
        append(*args)

    if place == "before the first table":
        patched.setattr(Lake, "append", at_once)
    elif place == "between the tables":
        patched.setattr(Lake, "append", at_the_second)
    else:
        patched.setattr(instances, "note", at_once)


def test_two_workers_with_the_same_drain_write_it_once(database: Database, lake: Lake) -> None:
    send(database, 0)
    drain_all(database, lake)
    send(database, 1)
    with database.session() as session:
        number, writer = storage.next_drain(session)
        opened = storage.open_drain(session, number, str(writer), most_batches=9, now=NOW)
    assert opened is not None
    with database.reading() as session:
        batches = storage.batches_of(session, opened)
    rows = to_tables(rows_of(batches))["outcomes"]
    late = DeltaTable(str(lake.folder / "outcomes"))

    drain_all(database, lake)

    assert lake.has("outcomes", opened.writer, opened.number)
    with pytest.raises(CommitFailedError):
        append_as_of(late, rows, opened)
    assert units(lake, "outcomes") == expected(2)


def rows_of(batches: tuple[storage.StoredBatch, ...]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for batch in batches:
        assert batch.body is not None
        for event in json.loads(batch.body)["events"]:
            yield "demo/prod", batch.batch, event


def append_as_of(table: DeltaTable, rows: Any, opened: storage.Drain) -> None:
    """What a worker does that looked before the other one wrote."""
    from deltalake import CommitProperties, Transaction, write_deltalake

    properties = CommitProperties(app_transactions=[Transaction(opened.writer, opened.number)])
    write_deltalake(table, rows, mode="append", commit_properties=properties)


def test_a_database_restored_from_an_older_backup_loses_nothing_and_counts_nothing_twice(
    database: Database, lake: Lake, tmp_path: Path
) -> None:
    for number in range(3):
        send(database, number)
        drain_once(database, lake, name_of, now=NOW)
    send(database, 3)  # waits when the backup is made, and is drained afterwards
    back_up(tmp_path / "test.db", tmp_path / "backup.db")
    later = NOW + timedelta(minutes=1)
    for number in range(4, 8):
        send(database, number)
        drain_once(database, lake, name_of, now=later)
    restored = Database(f"sqlite:///{tmp_path / 'backup.db'}")

    for number in range(8, 12):
        send(restored, number)
    while drain_once(restored, lake, name_of, now=later):
        pass
    send(restored, 12)
    drain_once(restored, lake, name_of, now=later)

    assert units(lake, "exposures") == expected(13)
    assert units(lake, "outcomes") == expected(13)
    restored.close()


def back_up(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as opened, closing(sqlite3.connect(target)) as copy:
        opened.backup(copy)


def test_a_second_database_on_the_same_lake_loses_nothing(database: Database, lake: Lake) -> None:
    send(database, 0)
    drain_all(database, lake)
    rows = to_tables([("demo/prod", "b", {"type": "outcome", "at_us": NOW_US, "unit": "other", "name": "x"})])

    assert not lake.has("outcomes", "another-writer", 1)
    lake.append("outcomes", rows["outcomes"], "another-writer", 1)

    assert units(lake, "outcomes") == ["other", "u0"]


def test_shuffled_resends_between_drains_count_once(database: Database, lake: Lake) -> None:
    dice = random.Random(7)
    order = [number for number in range(40) for _ in range(dice.randint(1, 5))]
    dice.shuffle(order)

    for number in order:
        send(database, number)
        if dice.random() < 0.2:
            drain_once(database, lake, name_of, now=NOW)
    drain_all(database, lake)

    assert units(lake, "exposures") == expected(40)
    assert units(lake, "outcomes") == expected(40)


def test_bodies_are_forgotten_and_ids_kept_once_the_drain_is_finished(database: Database, lake: Lake) -> None:
    send(database, 0)

    drain_all(database, lake)

    with database.reading() as session:
        stored = storage.find(session, 1, f"{0:032x}")
        assert stored is not None
        assert (
            storage.batches_of(session, storage.Drain(number=1, writer="", events=0, writing_since=NOW))[
                0
            ].body
            is None
        )
        assert storage.backlog(session) == storage.Backlog(batches=0, events=0, oldest=None)


def test_what_an_sdk_says_it_lost_is_remembered_at_its_largest(database: Database, lake: Lake) -> None:
    instance = "c" * 32
    for number, lost in enumerate([5, 9, 2]):
        send(
            database, number, more={"instance": instance, "sdk": "python/1", "dropped": {"queue_full": lost}}
        )

    drain_all(database, lake)

    with database.reading() as session:
        (found,) = instances.of_environment(session, 1)
    assert (found.instance, found.sdk, found.dropped) == (instance, "python/1", {"queue_full": 9})
    assert (found.accepted, found.rejected, found.reason) == (6, 0, None)


def test_what_was_rejected_is_counted_once_with_a_reason(database: Database, lake: Lake) -> None:
    late = {"type": "outcome", "at_us": 1, "unit": "u", "name": "click"}
    sent = json.dumps({"batch": "f" * 32, "events": [late, late]}).encode()
    for _ in range(3):
        take_in(database, 1, sent, "", now=NOW)

    drain_all(database, lake)

    with database.reading() as session:
        (found,) = instances.of_environment(session, 1)
    assert (found.instance, found.accepted, found.rejected) == ("", 0, 2)
    assert found.reason == "at_us: is over 120 days old (microseconds since 1970, UTC?)"


def test_many_small_files_become_few_and_no_row_changes(database: Database, lake: Lake) -> None:
    for number in range(70):
        send(database, 0 if number == 0 else number)
        drain_once(database, lake, name_of, now=NOW)
    before = units(lake, "exposures")

    merged = lake.compact("exposures")

    assert merged == 70
    assert len(lake.files("exposures")) == 1
    assert units(lake, "exposures") == before
    assert lake.compact("exposures") == 0
