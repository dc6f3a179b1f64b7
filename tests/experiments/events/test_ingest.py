"""Acknowledged means stored, once, whatever is sent again."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from experiments.events import storage
from experiments.events.ingest import BatchReused, take_in
from runtime.database import Database
from runtime.errors import Invalid
from tests.experiments.events.conftest import NOW

NOW_US = int(NOW.timestamp() * 1_000_000)


def body(batch: str, *events: Any) -> bytes:
    return json.dumps({"batch": batch, "events": list(events)}).encode()


def outcome(unit: str = "u", value: object = 1) -> dict[str, Any]:
    return {"type": "outcome", "at_us": NOW_US, "unit": unit, "name": "correct", "value": value}


def waiting(database: Database) -> int:
    with database.reading() as session:
        return storage.backlog(session).events


def test_each_event_gets_its_own_answer(database: Database) -> None:
    receipt = take_in(database, 1, body("a" * 32, outcome(), outcome(value="x"), outcome()), "", now=NOW)

    assert receipt.results[0] == receipt.results[2] == "ok"
    assert receipt.results[1].startswith("rejected: value: ")
    assert (receipt.accepted, receipt.duplicate) == (2, False)


def test_a_batch_sent_again_is_stored_once_and_answered_the_same(database: Database) -> None:
    sent = body("a" * 32, outcome(), outcome(value="x"))
    first = take_in(database, 1, sent, "", now=NOW)

    again = [take_in(database, 1, sent, "", now=NOW) for _ in range(4)]

    assert all(receipt.duplicate for receipt in again)
    assert {receipt.results for receipt in again} == {first.results}
    assert waiting(database) == 2


def test_many_that_send_the_same_batch_at_once_store_it_once(database: Database) -> None:
    sent = body("a" * 32, outcome())

    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda _: take_in(database, 1, sent, "", now=NOW), range(16)))

    assert sum(not receipt.duplicate for receipt in receipts) == 1
    assert waiting(database) == 1


def test_a_batch_id_used_for_other_content_is_refused_and_the_first_stays(database: Database) -> None:
    take_in(database, 1, body("a" * 32, outcome("u1")), "", now=NOW)

    with pytest.raises(BatchReused) as refused:
        take_in(database, 1, body("a" * 32, outcome("u2")), "", now=NOW)

    assert "every batch needs its own id" in str(refused.value)
    assert waiting(database) == 1


def test_nothing_is_stored_of_a_batch_whose_envelope_is_wrong(database: Database) -> None:
    with pytest.raises(Invalid):
        take_in(database, 1, b'{"batch": "no"}', "", now=NOW)

    assert waiting(database) == 0
