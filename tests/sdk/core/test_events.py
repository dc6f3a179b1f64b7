"""The bytes of events."""

import json

import pytest

from pointsman.core.events import MAX_EVENT_BYTES, Event, Exposure, Outcome, encode_batch, encode_event
from pointsman.errors import CodecError

EXPOSURE = Exposure(1763700000000000, "user-42", "digit-reader", "v2", "r1", 7, {"country": "DE"})
OUTCOME = Outcome(1763700000000000, "user-42", "correct", 1.0, "p1")


def test_an_exposure_is_spelled_exactly_so() -> None:
    assert json.loads(encode_event(EXPOSURE)) == {
        "type": "exposure",
        "at_us": 1763700000000000,
        "flag": "digit-reader",
        "unit": "user-42",
        "variant": "v2",
        "rule": "r1",
        "revision": 7,
        "context": {"country": "DE"},
    }


def test_an_outcome_is_spelled_exactly_so() -> None:
    assert encode_event(OUTCOME) == (
        b'{"type":"outcome","at_us":1763700000000000,"unit":"user-42","name":"correct","value":1.0,'
        b'"prediction":"p1"}'
    )


def test_what_is_not_known_is_left_out() -> None:
    bare = EXPOSURE._replace(rule=None, revision=None, context=None)

    assert json.loads(encode_event(bare)).keys() == {"type", "at_us", "flag", "unit", "variant"}
    assert "prediction" not in json.loads(encode_event(OUTCOME._replace(prediction=None)))


def test_a_value_of_zero_is_known() -> None:
    assert json.loads(encode_event(OUTCOME._replace(value=0.0)))["value"] == 0.0


@pytest.mark.parametrize(
    "event",
    [
        OUTCOME._replace(unit="\ud800"),
        OUTCOME._replace(value=float("nan")),
        OUTCOME._replace(name=b"correct"),  # type: ignore[arg-type]  # the point of it
        OUTCOME._replace(unit="u" * MAX_EVENT_BYTES),
        EXPOSURE._replace(flag=object()),  # type: ignore[arg-type]  # the point of it
    ],
)
def test_an_event_that_cannot_be_sent_is_refused(event: Event) -> None:
    with pytest.raises(CodecError):
        encode_event(event)


def test_a_batch_is_its_envelope_and_its_events() -> None:
    body = encode_batch(
        "ab" * 16,
        sdk="python/0.1.0",
        instance="cd" * 16,
        dropped={"queue_full": 3},
        events=[encode_event(OUTCOME), encode_event(EXPOSURE)],
    )

    assert json.loads(body) == {
        "batch": "ab" * 16,
        "sdk": "python/0.1.0",
        "instance": "cd" * 16,
        "dropped": {"queue_full": 3},
        "events": [json.loads(encode_event(OUTCOME)), json.loads(encode_event(EXPOSURE))],
    }
