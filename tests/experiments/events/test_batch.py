"""What the platform accepts from a stranger, and what it answers to the rest."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.events.batch import (
    MOST_AHEAD_US,
    MOST_BYTES,
    MOST_LATE_US,
    TooLarge,
    accepted,
    judge,
    unpack,
)
from runtime.errors import Invalid

NOW_US = 1_763_700_000_000_000
BATCH = "0" * 32


def outcome(**changes: Any) -> dict[str, Any]:
    return {"type": "outcome", "at_us": NOW_US, "unit": "user-42", "name": "correct", "value": 1.0} | changes


def exposure(**changes: Any) -> dict[str, Any]:
    return {
        "type": "exposure",
        "at_us": NOW_US,
        "flag": "digit-reader",
        "unit": "user-42",
        "variant": "v2",
    } | changes


def prediction(**changes: Any) -> dict[str, Any]:
    return exposure() | {"type": "prediction", "id": "p-1", "latency_s": 0.01} | changes


def envelope(*events: Any, **changes: Any) -> bytes:
    return json.dumps({"batch": BATCH, "events": list(events)} | changes).encode()


def reason(event: Any) -> str | None:
    return judge(envelope(event), received_us=NOW_US).rejected.get(0)


def test_good_events_of_every_type_are_accepted() -> None:
    batch = judge(envelope(exposure(), outcome(), prediction()), received_us=NOW_US)

    assert (batch.size, batch.rejected) == (3, {})


@pytest.mark.parametrize("value", [True, False, 0, 1, -3.5, 10**17])
def test_any_finite_number_or_truth_value_is_a_value(value: float) -> None:
    assert reason(outcome(value=value)) is None


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (outcome(value="1"), "value: "),
        (outcome(value=None), "value: "),
        (outcome(value=10**400), "value: "),
        (outcome(unit=42), "unit: "),
        (outcome(unit=""), "unit: "),
        (outcome(unit="x" * 257), "unit: "),
        (outcome(name="n" * 257), "name: "),
        (outcome(surprise=1), "surprise: is not a known field"),
        (outcome(at_us="yesterday"), "at_us: "),
        (outcome(at_us=-1), "at_us: "),
        (outcome(at_us=1e300), "at_us: "),
        (exposure(variant=None), "variant: "),
        (exposure(context=[1]), "context: "),
        (exposure(context={"a": "x" * 20_000}), "context: is over"),
        (exposure(revision=2**63), "revision: "),
        (prediction(latency_s=-1), "latency_s: "),
        (prediction(error="e" * 501), "error: "),
        (prediction(output="x" * 20_000), "output: is over"),
        ({"type": "click"}, "event: type must be exposure, outcome or prediction"),
        ({}, "event: type must be"),
        ([], "event: "),
        ("text", "event: "),
        (None, "event: "),
    ],
)
def test_a_bad_event_is_refused_with_the_field_named(event: Any, expected: str) -> None:
    found = reason(event)

    assert found is not None
    assert found.startswith(expected)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_costs_only_its_own_event(number: float) -> None:
    raw = envelope(outcome(), outcome(value=number), exposure(context={"x": number}))

    rejected = judge(raw, received_us=NOW_US).rejected

    assert rejected == {
        1: "value: input should be a finite number",
        2: "context: holds NaN or a number beyond floats; send finite numbers",
    }


def test_a_bad_event_does_not_spoil_its_neighbours() -> None:
    raw = envelope(outcome(), outcome(value="x"), exposure())

    batch = judge(raw, received_us=NOW_US)

    assert list(batch.rejected) == [1]
    assert [event["type"] for event in accepted(raw, batch.rejected).events] == ["outcome", "exposure"]


def test_a_clock_that_runs_ahead_is_tolerated_a_little_and_then_named() -> None:
    assert reason(outcome(at_us=NOW_US + MOST_AHEAD_US)) is None

    found = reason(outcome(at_us=NOW_US + MOST_AHEAD_US + 1))

    assert found == "at_us: is 300 s ahead of the server's clock; check this machine's clock"


def test_seconds_sent_for_microseconds_are_noticed() -> None:
    assert reason(outcome(at_us=NOW_US - MOST_LATE_US)) is None

    found = reason(outcome(at_us=NOW_US // 1_000_000))

    assert found == "at_us: is over 120 days old (microseconds since 1970, UTC?)"


def test_a_number_beyond_floats_inside_a_context_is_refused() -> None:
    raw = envelope(exposure(context={"x": 0})).replace(b'"x": 0', b'"x": 1e400')

    found = judge(raw, received_us=NOW_US).rejected[0]

    assert found == "context: holds NaN or a number beyond floats; send finite numbers"


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b"\xff\xfe", "body"),
        (b"[" * 100_000, "body"),
        (b'{"batch":' * 100_000, "body"),
        (b'{"batch": NaN}', "batch"),
        (b'{"batch": "\\ud800"}', "body"),
        (envelope(), "events"),
        (envelope(*[0] * 1_001), "events"),
        (envelope(outcome(), batch="not-hex"), "batch"),
        (envelope(outcome(), batch=7), "batch"),
        (envelope(outcome(), extra=1), "extra"),
        (envelope(outcome(), events={}), "events"),
        (envelope(outcome(), dropped={"queue_full": -1}), "dropped.queue_full"),
        (envelope(outcome(), dropped={str(n): 1 for n in range(33)}), "dropped"),
        (envelope(outcome(), instance="x"), "instance"),
    ],
)
def test_a_bad_envelope_is_refused_whole_with_the_field_named(raw: bytes, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        judge(raw, received_us=NOW_US)

    assert refused.value.field == field


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_no_json_value_in_the_place_of_an_event_breaks_the_judge(value: Any) -> None:
    raw = json.dumps({"batch": BATCH, "events": [value]}).encode()

    try:
        batch = judge(raw, received_us=NOW_US)
    except Invalid as error:
        assert error.field == "body"  # noqa: PT017  a lone surrogate: no JSON at all
    else:
        assert list(batch.rejected) == [0]


@given(st.binary(max_size=300))
def test_no_bytes_break_the_judge(raw: bytes) -> None:
    with pytest.raises(Invalid):
        judge(unpack(raw, ""), received_us=NOW_US)


def test_gzip_and_plain_bodies_unpack_to_the_same_text() -> None:
    raw = envelope(outcome())

    assert unpack(gzip.compress(raw), "gzip") == unpack(raw, "") == raw


def test_a_gzip_bomb_is_refused_before_it_unfolds() -> None:
    bomb = gzip.compress(b" " * (MOST_BYTES * 20))

    with pytest.raises(TooLarge):
        unpack(bomb, "gzip")


def test_a_large_plain_body_is_refused() -> None:
    with pytest.raises(TooLarge):
        unpack(b" " * (MOST_BYTES + 1), "identity")


@pytest.mark.parametrize(
    ("body", "encoding", "field"),
    [
        (b"not gzip", "gzip", "body"),
        (gzip.compress(b"{}")[:-3], "gzip", "body"),
        (b"{}", "br", "Content-Encoding"),
    ],
)
def test_what_cannot_be_unpacked_is_refused_with_the_reason(body: bytes, encoding: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        unpack(body, encoding)

    assert refused.value.field == field


def told(evaluations: Any, *events: Any) -> bytes:
    return json.dumps({"batch": BATCH, "events": list(events), "evaluations": evaluations}).encode()


def test_a_batch_may_tell_evaluations_and_nothing_else() -> None:
    raw = told({"ranker": {"v1": 3, "v2": 1}})

    batch = judge(raw, received_us=NOW_US)

    assert (batch.size, batch.rejected) == (0, {})
    assert accepted(raw, {}).events == []
    assert accepted(raw, {}).evaluations == {"ranker": {"v1": 3, "v2": 1}}
    assert accepted(envelope(outcome()), {}).evaluations == {}


@pytest.mark.parametrize(
    ("evaluations", "field"),
    [
        ({}, "events"),
        ([], "evaluations"),
        ({"ranker": {}}, "evaluations.ranker"),
        ({"ranker": 3}, "evaluations.ranker"),
        ({"ranker": {"v1": 0}}, "evaluations.ranker.v1"),
        ({"ranker": {"v1": -1}}, "evaluations.ranker.v1"),
        ({"ranker": {"v1": 1.5}}, "evaluations.ranker.v1"),
        ({"ranker": {"v1": True}}, "evaluations.ranker.v1"),
        ({"ranker": {"v1": 2**53}}, "evaluations.ranker.v1"),
        ({"ranker": {"": 1}}, "evaluations.ranker..[key]"),
        ({"x" * 65: {"v1": 1}}, f"evaluations.{'x' * 65}.[key]"),
        ({"ranker": {f"v{n}": 1 for n in range(21)}}, "evaluations.ranker"),
        ({f"f{n}": {"v1": 1} for n in range(1_001)}, "evaluations"),
    ],
)
def test_evaluations_that_make_no_sense_are_refused_by_name(evaluations: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        judge(told(evaluations), received_us=NOW_US)

    assert refused.value.field == field


def test_a_variant_told_twice_is_refused() -> None:
    raw = f'{{"batch": "{BATCH}", "events": [], "evaluations": {{"f": {{"v1": 1, "v1": 2}}}}}}'

    with pytest.raises(Invalid, match="twice"):
        judge(raw.encode(), received_us=NOW_US)
