"""The client as an application meets it."""

import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import numpy as np
import pytest

from pointsman import Choice, Client, ErrorCode, Options, Reason
from tests.sdk.conftest import Connect
from tests.sdk.core.hostile import Hostile
from tests.sdk.core.rulesets import flag, rule, ruleset
from tests.sdk.servers import WITHIN_S, Asked, Reply, Server, acknowledging, always, serving


def test_the_first_use_starts_one_thread_and_the_ruleset_arrives(server: Server, connect: Connect) -> None:
    client = connect()
    assert threads() == 0

    before = client.variant("digit-reader", unit="user-42", default="v1")

    assert threads() == 1
    assert (before.variant, before.error) == ("v1", ErrorCode.PROVIDER_NOT_READY)
    assert client.wait_until_ready(WITHIN_S)
    after = client.variant("digit-reader", unit="user-42", default="v1")
    assert (after.flag, after.unit, after.reason, after.rule, after.revision, after.error) == (
        "digit-reader",
        "user-42",
        Reason.SPLIT,
        "r1",
        7,
        None,
    )
    assert after.value == {"v1": {"name": "weak"}, "v2": {"name": "strong"}}[after.variant]
    assert server.to("/v1/ruleset")[0].headers["authorization"] == "Bearer sdk-key"


def test_many_threads_at_once_start_one_thread(connect: Connect) -> None:
    client, barrier = connect(), threading.Barrier(16)

    def use() -> None:
        barrier.wait(WITHIN_S)
        client.variant("digit-reader", unit="user-42")
        client.record("correct", unit="user-42")

    users = [threading.Thread(target=use) for _ in range(16)]
    with switching_often():
        for user in users:
            user.start()
        for user in users:
            user.join(WITHIN_S)

    assert threads() == 1
    assert client.flush(WITHIN_S)
    assert client.stats().accepted == 16


def test_what_is_exposed_and_recorded_arrives(server: Server, connect: Connect) -> None:
    client = connect()
    assert client.wait_until_ready(WITHIN_S)
    choice = client.variant("digit-reader", unit=42)

    client.expose(choice, context={"country": "DE", "age": 41, "beta": True, "bad": [1], "nan": math.nan})
    client.record("correct", unit=42, value=True)
    client.record("latency", unit="42", value=0.25, prediction_id="p1")

    assert client.flush(WITHIN_S)
    exposure, correct, latency = server.events()
    assert exposure.pop("at_us") > 1_700_000_000_000_000
    assert exposure == {
        "type": "exposure",
        "unit": "42",
        "flag": "digit-reader",
        "variant": choice.variant,
        "rule": "r1",
        "revision": 7,
        "context": {"country": "DE", "age": 41, "beta": True},
    }
    assert (correct["type"], correct["name"], correct["unit"], correct["value"]) == (
        "outcome",
        "correct",
        "42",
        1.0,
    )
    assert (latency["value"], latency["prediction"]) == (0.25, "p1")


def test_the_counters_tell_what_happened(connect: Connect) -> None:
    client = connect()
    client.wait_until_ready(WITHIN_S)
    for number in range(7):
        client.record("correct", unit=number)

    assert client.flush(WITHIN_S)
    stats = client.stats()
    assert (stats.ready, stats.revision, stats.problem) == (True, 7, None)
    assert (stats.sent, stats.accepted, stats.rejected, stats.queued) == (7, 7, 0, 0)
    assert stats.dropped == {
        "queue_full": 0,
        "invalid": 0,
        "refused": 0,
        "closed": 0,
        "unsent": 0,
        "offline": 0,
    }
    assert stats.polls >= 1
    assert stats.batches >= 1
    assert (stats.retries, stats.poll_errors, stats.internal_errors) == (0, 0, 0)


@pytest.mark.parametrize(
    "value", [1, 0, True, -2.5, 10**15, np.float32(0.5), np.int64(3), np.bool_(True), Decimal("1.5")]
)
def test_whatever_is_a_number_can_be_recorded(server: Server, connect: Connect, value: float) -> None:
    client = connect()

    client.record("score", unit="user-42", value=value)

    assert client.flush(WITHIN_S)
    assert [event["value"] for event in server.events()] == [float(value)]


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, None, "1", b"1", [], {}, 1j, 10**400, object(), np.array([1.0, 2.0])],
)
def test_what_is_no_finite_number_is_refused_and_counted(
    server: Server, connect: Connect, value: float
) -> None:
    client = connect()

    client.record("score", unit="user-42", value=value)

    assert client.stats().dropped["invalid"] == 1
    assert client.stats().queued == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "n" * 257},
        {"name": None},
        {"name": b"correct"},
        {"unit": ""},
        {"unit": None},
        {"unit": True},
        {"unit": 1.5},
        {"unit": "u" * 257},
        {"unit": "\ud800"},
        {"prediction_id": ""},
        {"prediction_id": 5},
        {"prediction_id": "p" * 257},
    ],
)
def test_a_record_with_a_wrong_name_or_unit_is_refused_and_counted(
    connect: Connect, wrong: dict[str, object]
) -> None:
    client = connect()
    given: dict[str, object] = {"name": "correct", "unit": "user-42"} | wrong

    client.record(**given)  # type: ignore[arg-type]  # wrong on purpose

    assert client.stats().dropped["invalid"] == 1


def test_a_name_that_is_not_unicode_is_dropped_alone(server: Server, connect: Connect) -> None:
    client = connect()

    client.record("\ud800", unit="user-42")
    client.record("correct", unit="user-42")

    assert client.flush(WITHIN_S)
    assert [event["name"] for event in server.events()] == ["correct"]
    assert client.stats().dropped["invalid"] == 1


def test_refusals_are_logged_once_and_by_the_background_thread(
    server: Server, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    client = connect()

    for _ in range(100):
        client.record("score", unit="user-42", value=math.nan)
    client.record("score", unit="user-42")

    assert client.flush(WITHIN_S)
    client.close(WITHIN_S)
    said = [line for line in caplog.records if "value must be finite" in line.getMessage()]
    assert [line.threadName for line in said] == ["pointsman"]
    assert client.stats().dropped["invalid"] == 100


def test_an_exposure_of_an_error_is_ignored_and_counted(server: Server, connect: Connect) -> None:
    client = connect()

    client.expose(client.variant("nowhere", unit="user-42", default="v1"))

    assert client.stats().ignored == 1
    assert client.flush(WITHIN_S)
    assert server.events() == []


@pytest.mark.parametrize("choice", [None, "v1", 5, ("digit-reader", "user-42", "v1")])
def test_an_exposure_of_what_is_no_choice_is_refused_and_counted(connect: Connect, choice: Choice) -> None:
    client = connect()

    client.expose(choice)

    assert client.stats().dropped["invalid"] == 1


def test_nothing_a_caller_hands_over_raises(connect: Connect) -> None:
    client = connect()
    assert client.wait_until_ready(WITHIN_S)
    bad = Hostile()

    for flag_key in ("digit-reader", "nowhere", None, bad):
        for unit in ("user-42", "", None, bad):
            for context in (None, {}, {"a": bad}, bad):
                client.variant(flag_key, unit=unit, context=context, default=bad)  # type: ignore[arg-type]  # hostile
    client.expose(bad)  # type: ignore[arg-type]  # hostile
    client.expose(client.variant("digit-reader", unit="user-42"), context=bad)  # type: ignore[arg-type]  # hostile
    client.record(bad, unit=bad, value=bad, prediction_id=bad)  # type: ignore[arg-type]  # hostile
    for seconds in (None, "5", math.nan, -1, 10**400):
        client.flush(seconds)  # type: ignore[arg-type]  # hostile
    client.flush(WITHIN_S)

    assert client.stats().internal_errors == 0


def test_a_change_arrives_and_the_flags_answer_by_it(server: Server, connect: Connect) -> None:
    client = connect()
    client.wait_until_ready(WITHIN_S)
    assert client.variant("digit-reader", unit="user-42").revision == 7

    server.ruleset_script = serving(ruleset(flag(rule("r2", v2=100_000)), revision=8))

    server.wait_for(lambda: client.stats().revision == 8)
    assert client.variant("digit-reader", unit="user-42")[4:7] == (Reason.TARGETING_MATCH, "r2", 8)


def test_threads_never_see_a_torn_ruleset_while_it_changes(server: Server, connect: Connect) -> None:
    revisions = [
        ruleset(flag(rule(f"r{number}", **{f"v{number % 2 + 1}": 100_000})), revision=number)
        for number in range(7, 30)
    ]
    server.ruleset_script = serving(revisions[0])
    client = connect(poll_interval_s=0.001, cache_dir=None)
    client.wait_until_ready(WITHIN_S)
    torn: list[Choice] = []
    done = threading.Event()

    def use() -> None:
        while not done.is_set():
            choice = client.variant("digit-reader", unit="user-42")
            revision = choice.revision or 0
            if (choice.rule, choice.variant) != (f"r{revision}", f"v{revision % 2 + 1}"):
                torn.append(choice)

    users = [threading.Thread(target=use) for _ in range(8)]
    with switching_often():
        for user in users:
            user.start()
        for known in revisions[1:]:
            server.ruleset_script = serving(known)
            server.wait_for(lambda wanted=known.revision: client.stats().revision == wanted)  # type: ignore[misc]  # bound
        done.set()
        for user in users:
            user.join(WITHIN_S)

    assert torn == []


def test_after_close_choices_go_on_and_events_are_counted(server: Server, connect: Connect) -> None:
    client = connect()
    client.wait_until_ready(WITHIN_S)
    client.record("correct", unit="user-42")

    assert client.close(WITHIN_S)
    assert client.close(WITHIN_S)

    assert threads() == 0
    assert len(server.events()) == 1
    choice = client.variant("digit-reader", unit="user-42")
    assert choice.error is None
    client.expose(choice)
    client.record("correct", unit="user-42")
    assert client.flush(WITHIN_S)
    assert client.stats().dropped["closed"] == 2
    assert threads() == 0


def test_a_batch_answered_after_the_client_gave_up_counts_as_sent(server: Server, connect: Connect) -> None:
    may_answer = threading.Event()

    def late(asked: Asked) -> Reply:
        may_answer.wait(WITHIN_S)
        return acknowledging(asked)

    server.events_script = late
    client = connect()
    client.record("correct", unit="user-42")
    server.wait_for_asked("/v1/events")

    assert not client.close(0)
    given_up = client.stats()
    may_answer.set()
    for thread in threading.enumerate():
        if thread.name == "pointsman":
            thread.join(WITHIN_S)
    answered = client.stats()

    assert (given_up.dropped["unsent"], given_up.queued, given_up.sent) == (1, 0, 0)
    assert (answered.dropped["unsent"], answered.queued, answered.sent) == (0, 0, 1)


def test_the_context_manager_sends_what_is_left(server: Server) -> None:
    with Client(server.url, key="sdk-key", options=Options(cache_dir=None, flush_interval_s=60)) as client:
        for number in range(3):
            client.record("correct", unit=number)

    assert len(server.events()) == 3


def test_a_client_never_used_starts_nothing(server: Server, connect: Connect) -> None:
    with connect() as client:
        assert client.flush(WITHIN_S)
        assert not client.stats().ready

    assert threads() == 0
    assert server.asked == []


def test_a_client_nobody_holds_sends_its_events_and_ends_its_thread(server: Server) -> None:
    client = Client(server.url, key="sdk-key", options=Options(cache_dir=None, flush_interval_s=60))
    client.record("correct", unit="user-42")
    [thread] = [thread for thread in threading.enumerate() if thread.name == "pointsman"]

    del client

    thread.join(WITHIN_S)
    assert not thread.is_alive()
    assert len(server.events()) == 1


def test_a_flush_sends_everything_before_it_however_much_that_is(server: Server, connect: Connect) -> None:
    client = connect(flush_interval_s=3600, batch_size=500)
    for number in range(1_200):
        client.record("correct", unit=number)

    assert client.flush(WITHIN_S)
    assert [len(asked.batch["events"]) for asked in server.to("/v1/events")] == [500, 500, 200]


def test_a_flush_of_nothing_returns_at_once_and_asks_nobody(server: Server, connect: Connect) -> None:
    client = connect()

    assert client.flush(0)
    assert server.asked == []


def test_flushing_again_and_again_without_a_server_keeps_the_queue_as_it_is(
    server: Server, connect: Connect
) -> None:
    server.events_script = always(Reply(status=503, headers={"Retry-After": "600"}))
    client = connect()
    client.record("correct", unit="user-42")
    server.wait_for_asked("/v1/events")

    for _ in range(1_000):
        assert not client.flush(0)

    assert client.stats().queued == 1


def test_a_full_queue_drops_the_new_and_tells_the_server_how_many(server: Server, connect: Connect) -> None:
    server.events_script = always(Reply(status=503))
    client = connect(queue_size=10, batch_size=5, flush_interval_s=60)
    for number in range(100):
        client.record("correct", unit=number)

    stats = client.stats()
    assert stats.dropped["queue_full"] >= 100 - 10 - 4 * 5 - 5
    assert stats.dropped["queue_full"] + stats.queued == 100
    server.events_script = acknowledging
    server.wait_for(lambda: client.stats().accepted == stats.queued)
    client.record("correct", unit="last")
    assert client.flush(WITHIN_S)
    assert server.to("/v1/events")[-1].batch["dropped"]["queue_full"] == stats.dropped["queue_full"]


@contextmanager
def switching_often() -> Iterator[None]:
    """Threads take turns fifty times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def threads() -> int:
    return sum(thread.name == "pointsman" for thread in threading.enumerate())
