"""Whatever the server does, the application goes on, and afterwards everything is as if nothing had been."""

import gzip
import json
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsman import Client, ErrorCode, Options
from pointsman.core.codec import encode
from tests.sdk.conftest import Connect
from tests.sdk.core.rulesets import flag, rule, ruleset
from tests.sdk.servers import (
    RULESET,
    WITHIN_S,
    Asked,
    Reply,
    Script,
    Server,
    acknowledging,
    always,
    in_turn,
    running,
    serving,
)

BODY = encode(RULESET)
TAG = {"ETag": '"7-prod"'}
_PACKED_BOMB = gzip.compress(b"[" + b" " * 2_000_000 + b"]")

_BAD_ANSWERS = {
    "401": Reply(status=401, body=b'{"error":{}}'),
    "403": Reply(status=403),
    "404": Reply(status=404),
    "429": Reply(status=429, headers={"Retry-After": "0"}),
    "500": Reply(status=500, body=b"Internal Server Error"),
    "503": Reply(status=503, headers={"Retry-After": "nonsense"}),
    "redirect": Reply(status=302, headers={"Location": "http://127.0.0.1:9/v1/ruleset"}),
    "empty": Reply(headers=TAG),
    "HTML": Reply(headers=TAG, body=b"<html>Please sign in</html>"),
    "truncated": Reply(headers=TAG, body=BODY[:100], length=len(BODY)),
    "cut JSON": Reply(headers=TAG, body=BODY[:-10]),
    "wrong schema": Reply(headers=TAG, body=b'{"format":2}'),
    "wrong split": Reply(headers=TAG, body=BODY.replace(b"[0,50000", b"[0,50001")),
    "unknown operator": Reply(
        headers=TAG,
        body=BODY.replace(
            b'"conditions":[]', b'"conditions":[{"attribute":"a","operator":"regex","values":["x"]}]'
        ),
    ),
    "oversize": Reply(headers=TAG, body=BODY + b" " * 2_000_000),
    "announced oversize": Reply(headers=TAG, body=BODY, length=10**12),
    "gzip bomb": Reply(headers=TAG | {"Content-Encoding": "gzip"}, body=_PACKED_BOMB),
    "no gzip": Reply(headers=TAG | {"Content-Encoding": "gzip"}, body=BODY),
    "half gzip": Reply(headers=TAG | {"Content-Encoding": "gzip"}, body=gzip.compress(BODY)[:-20]),
    "brotli": Reply(headers=TAG | {"Content-Encoding": "br"}, body=BODY),
    "drip": Reply(headers=TAG, body=b" ", length=10**6, drip=True),
}


@pytest.mark.parametrize("name", _BAD_ANSWERS)
def test_a_bad_answer_keeps_the_last_good_ruleset_and_recovery_needs_nobody(
    server: Server, connect: Connect, name: str
) -> None:
    client = connect(max_ruleset_bytes=1_000_000, timeout_s=0.3)
    assert client.wait_until_ready(WITHIN_S)

    server.ruleset_script = always(_BAD_ANSWERS[name])
    server.wait_for(lambda: client.stats().poll_errors >= 1)

    choice = client.variant("digit-reader", unit="user-42", default="v9")
    assert (choice.error, choice.revision) == (None, 7)
    server.ruleset_script = serving(ruleset(flag(rule("r2", v2=100_000)), revision=8))
    server.wait_for(lambda: client.stats().revision == 8 and client.stats().problem is None)
    assert client.variant("digit-reader", unit="user-42").rule == "r2"


@pytest.mark.parametrize("name", _BAD_ANSWERS)
def test_a_bad_answer_at_the_start_gives_defaults_until_it_ends(
    server: Server, connect: Connect, name: str
) -> None:
    server.ruleset_script = always(_BAD_ANSWERS[name])
    client = connect(max_ruleset_bytes=1_000_000, timeout_s=0.3, cache_dir=None)

    assert client.variant("digit-reader", unit="user-42", default="v1").variant == "v1"
    server.wait_for(lambda: client.stats().poll_errors >= 1)
    assert client.variant("digit-reader", unit="user-42").error is ErrorCode.PROVIDER_NOT_READY

    server.ruleset_script = serving(RULESET)
    assert client.wait_until_ready(WITHIN_S)
    assert client.variant("digit-reader", unit="user-42").error is None


def test_304_without_a_ruleset_is_an_error_and_not_an_answer(server: Server, connect: Connect) -> None:
    server.ruleset_script = in_turn(Reply(status=304), serving(RULESET))
    client = connect(cache_dir=None)

    assert client.wait_until_ready(WITHIN_S)
    assert client.stats().poll_errors == 1


def test_an_unchanged_ruleset_is_asked_for_by_its_tag_and_not_sent_again(
    server: Server, connect: Connect
) -> None:
    client = connect()

    client.wait_until_ready(WITHIN_S)

    first, second, third = server.wait_for_asked("/v1/ruleset", 3)
    assert "if-none-match" not in first.headers
    assert [second.headers["if-none-match"], third.headers["if-none-match"]] == ['"7-prod"'] * 2
    assert client.stats().poll_errors == 0


def test_a_packed_ruleset_is_read(server: Server, connect: Connect) -> None:
    packed = Reply(headers={"Content-Encoding": "gzip", "ETag": '"g"'}, body=gzip.compress(BODY))
    server.ruleset_script = always(packed)
    client = connect()

    assert client.wait_until_ready(WITHIN_S)
    assert server.to("/v1/ruleset")[0].headers["accept-encoding"] == "gzip"


def test_an_older_ruleset_is_not_taken(server: Server, connect: Connect) -> None:
    client = connect()
    client.wait_until_ready(WITHIN_S)

    server.ruleset_script = serving(ruleset(flag(rule("old")), revision=6))
    server.wait_for(lambda: client.stats().rulesets_refused >= 3)

    assert client.variant("digit-reader", unit="user-42").rule == "r1"
    assert client.stats().revision == 7


def test_another_environment_is_taken_whatever_its_revision(server: Server, connect: Connect) -> None:
    client = connect()
    client.wait_until_ready(WITHIN_S)

    server.ruleset_script = serving(ruleset(flag(rule("dev")), revision=1, environment="dev"))

    server.wait_for(lambda: client.stats().revision == 1)
    assert client.variant("digit-reader", unit="user-42").rule == "dev"


def test_a_server_that_is_not_there_yet_is_found_later(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    options = Options(cache_dir=tmp_path, poll_interval_s=0.05, flush_interval_s=0.01, backoff_s=0.02)
    with Client(url, key="sdk-key", options=options) as client:
        client.record("correct", unit="user-42")
        assert client.variant("digit-reader", unit="user-42", default="v1").variant == "v1"
        assert not client.wait_until_ready(0.01)
        assert not client.flush(0.01)

        with running(port=int(url.rpartition(":")[2])) as server:
            assert client.wait_until_ready(WITHIN_S)
            server.wait_for(lambda: len(server.events()) == 1)
            assert client.flush(WITHIN_S)


def test_a_restart_without_the_server_answers_at_once_from_the_disk(server: Server, connect: Connect) -> None:
    first = connect()
    first.wait_until_ready(WITHIN_S)
    kept = first.variant("digit-reader", unit="user-42")
    first.close(WITHIN_S)
    server.ruleset_script = always(Reply(status=503))

    second = connect()

    assert second.variant("digit-reader", unit="user-42") == kept
    assert second.stats().ready


def test_a_restart_from_the_disk_asks_by_the_tag_it_kept(server: Server, connect: Connect) -> None:
    first = connect()
    first.wait_until_ready(WITHIN_S)
    first.close(WITHIN_S)
    before = len(server.asked)

    second = connect()
    second.variant("digit-reader", unit="user-42")

    server.wait_for_asked("/v1/ruleset", before + 1)
    assert server.asked[before].headers["if-none-match"] == '"7-prod"'


def test_a_batch_that_fails_is_sent_again_with_the_same_id_and_bytes(
    server: Server, connect: Connect
) -> None:
    server.events_script = in_turn(Reply(status=500), Reply(status=502), acknowledging)
    client = connect(batch_size=3)

    for number in range(3):
        client.record("correct", unit=number)

    first, second, third = server.wait_for_asked("/v1/events", 3)
    assert first.raw == second.raw == third.raw
    assert len(first.batch["batch"]) == 32
    assert client.flush(WITHIN_S)
    stats = client.stats()
    assert (stats.accepted, stats.retries, stats.batches, stats.queued) == (3, 2, 1, 0)


_NO_RECEIPT = {
    "401": Reply(status=401),
    "403": Reply(status=403),
    "408": Reply(status=408),
    "429": Reply(status=429),
    "500": Reply(status=500),
    "redirect": Reply(status=307, headers={"Location": "/v1/events"}),
    "HTML": Reply(body=b"<html>Welcome to the hotel's Wi-Fi</html>"),
    "empty": Reply(),
    "another batch": Reply(body=json.dumps({"batch": "00" * 16, "accepted": 1}).encode()),
    "no count": Reply(body=b'{"batch":"x"}'),
    "list": Reply(body=b"[]"),
    "deep": Reply(body=b"[" * 100_000),
    "truncated": Reply(body=b'{"batch"', length=500),
    "oversize": Reply(body=b" " * 1_100_000),
}


@pytest.mark.parametrize("name", _NO_RECEIPT)
def test_what_does_not_acknowledge_a_batch_leaves_it_to_be_sent_again(
    server: Server, connect: Connect, name: str
) -> None:
    server.events_script = in_turn(_NO_RECEIPT[name], acknowledging)
    client = connect()

    client.record("correct", unit="user-42")

    first, second = server.wait_for_asked("/v1/events", 2)
    assert first.raw == second.raw
    assert client.flush(WITHIN_S)
    assert client.stats().accepted == 1
    assert sum(client.stats().dropped.values()) == 0


@pytest.mark.parametrize("status", [400, 404, 409, 413, 415, 422])
def test_a_batch_refused_for_good_is_dropped_and_counted_and_the_next_goes_on(
    server: Server, connect: Connect, status: int
) -> None:
    complaint = json.dumps({"error": {"code": "invalid", "field": "events", "message": "too many"}})
    server.events_script = in_turn(Reply(status=status, body=complaint.encode()), acknowledging)
    client = connect()

    client.record("correct", unit="user-1")
    assert client.flush(WITHIN_S)
    client.record("correct", unit="user-2")
    assert client.flush(WITHIN_S)

    stats = client.stats()
    assert (stats.accepted, stats.dropped["refused"]) == (1, 1)
    assert server.to("/v1/events")[-1].batch["dropped"]["refused"] == 1


def test_events_the_server_rejects_are_counted_and_the_first_reason_is_logged(
    server: Server, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    def picky(asked: Asked) -> Reply:
        batch = asked.batch["batch"]
        body = {"batch": batch, "duplicate": False, "accepted": 1, "results": ["ok", "rejected: at_us: late"]}
        return Reply(body=json.dumps(body).encode())

    server.events_script = picky
    client = connect(batch_size=2)

    client.record("correct", unit="user-1")
    client.record("correct", unit="user-2")

    assert client.flush(WITHIN_S)
    assert client.close(WITHIN_S)
    stats = client.stats()
    assert (stats.sent, stats.accepted, stats.rejected) == (2, 1, 1)
    assert "rejected: at_us: late" in caplog.text


def test_a_retry_after_is_heeded_even_by_a_flush(server: Server, connect: Connect) -> None:
    server.events_script = always(Reply(status=429, headers={"Retry-After": "600"}))
    client = connect()
    client.record("correct", unit="user-42")
    server.wait_for_asked("/v1/events")

    assert not client.flush(0.2)

    server.wait_for_asked("/v1/ruleset", len(server.to("/v1/ruleset")) + 3)
    assert len(server.to("/v1/events")) == 1


def test_one_poisonous_batch_does_not_hold_up_the_others(server: Server, connect: Connect) -> None:
    def choke(asked: Asked) -> Reply:
        poisonous = any(event["name"] == "poison" for event in asked.batch["events"])
        return Reply(status=500) if poisonous else acknowledging(asked)

    server.events_script = choke
    client = connect(batch_size=1)

    for name in ("poison", "a", "b", "c"):
        client.record(name, unit="user-42")

    server.wait_for(lambda: client.stats().accepted == 3)
    assert client.stats().queued == 1


@pytest.fixture
def blackhole() -> Iterator[str]:
    """Accepts connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_server_that_never_answers_costs_the_application_nothing(blackhole: str, connect: Connect) -> None:
    client = connect(blackhole, timeout_s=0.2, exit_timeout_s=0.2)

    for number in range(1_000):
        assert client.variant("digit-reader", unit=number, default="v1").variant == "v1"
        client.record("correct", unit=number)

    assert not client.wait_until_ready(0.05)
    assert not client.flush(0.05)
    assert not client.close()
    stats = client.stats()
    assert stats.queued + sum(stats.dropped.values()) == 1_000
    assert stats.internal_errors == 0


def test_a_server_that_stops_answering_is_found_again(server: Server, connect: Connect) -> None:
    client = connect(timeout_s=0.2)
    client.wait_until_ready(WITHIN_S)
    server.ruleset_script = server.events_script = always(Reply(hang=True))
    client.record("correct", unit="user-42")
    server.wait_for(lambda: client.stats().poll_errors >= 1 and client.stats().retries >= 1)

    server.ruleset_script, server.events_script = serving(RULESET), acknowledging

    server.wait_for(lambda: client.stats().accepted == 1)
    assert len({asked.raw for asked in server.to("/v1/events")}) == 1


def test_a_log_handler_that_raises_is_survived(server: Server, connect: Connect) -> None:
    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("the disk of the log is full")

    handler = Raising()
    logging.getLogger("pointsman").addHandler(handler)
    try:
        server.ruleset_script = in_turn(Reply(status=500), serving(RULESET))
        client = connect(cache_dir=None)

        assert client.wait_until_ready(WITHIN_S)
        client.record("correct", unit="user-42")
        assert client.flush(WITHIN_S)
        assert client.stats().internal_errors >= 1
    finally:
        logging.getLogger("pointsman").removeHandler(handler)


def test_trouble_and_its_end_are_logged_once(
    server: Server, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pointsman")
    server.ruleset_script = in_turn(Reply(status=500), Reply(status=500), serving(RULESET))
    client = connect(cache_dir=None)

    client.wait_until_ready(WITHIN_S)
    client.close(WITHIN_S)

    said = [line.getMessage() for line in caplog.records if line.name == "pointsman"]
    assert [text.split(": ")[-1].split(";")[0] for text in said[:1]] == [
        "the server answered 500 to the ruleset request"
    ]
    assert len(said) <= 2
    assert not any("sdk-key" in text for text in said)


def test_a_connection_the_server_closes_in_between_is_replaced(server: Server, connect: Connect) -> None:
    closing: Script = always(Reply(headers=TAG | {"Connection": "close"}, body=BODY))
    server.ruleset_script = closing
    client = connect()

    client.wait_until_ready(WITHIN_S)
    server.wait_for_asked("/v1/ruleset", 5)

    assert client.stats().poll_errors == 0


def test_a_path_before_the_api_is_kept(server: Server, connect: Connect) -> None:
    client = connect(f"{server.url}/flags/")

    assert client.wait_until_ready(WITHIN_S)
    assert server.asked[0].path == "/flags/v1/ruleset"


def test_no_thread_is_started_by_the_constructor_even_with_a_dead_server(blackhole: str) -> None:
    before = threading.active_count()

    client = Client(blackhole, key="sdk-key", options=Options(cache_dir=None))

    assert threading.active_count() == before
    assert client.close(0)
