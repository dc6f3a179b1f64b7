"""From hostile bytes to a judged batch: unpacked within bounds, each event accepted or refused. PURE."""

import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from experiments.events.strict_json import read_batch
from experiments.events.wire import (
    ENVELOPE,
    EVENT,
    EVENTS,
    LONGEST_JSON,
    Exposure,
    Outcome,
    Prediction,
)
from runtime.errors import Invalid

MOST_BYTES: Final = 5_000_000
# A client's clock may run ahead by this much; a phone that was off for a season may be this late.
MOST_AHEAD_US: Final = 5 * 60 * 1_000_000
MOST_LATE_US: Final = 120 * 86_400 * 1_000_000

# The path to a field may hold names of the sender's choice.
_LONGEST_PATH: Final = 200


class TooLarge(Invalid):
    """The body is larger than a batch may be."""

    code = "too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A judged batch. ``rejected`` maps the position of a refused event to the reason."""

    id: str
    digest: str
    size: int
    rejected: dict[int, str]
    sdk: str | None
    instance: str | None
    dropped: dict[str, int]


def unpack(body: bytes, encoding: str) -> bytes:
    """The JSON text. TooLarge: over 5 MB unpacked. Invalid: not gzip, or another encoding."""
    if encoding in ("", "identity"):
        raw = body
    elif encoding == "gzip":
        raw = _gunzip(body)
    else:
        raise Invalid("Content-Encoding", f"{encoding[:80]!r} is not supported; send gzip or nothing")
    if len(raw) > MOST_BYTES:
        raise TooLarge("body", f"is over {MOST_BYTES} bytes unpacked; send smaller batches")
    return raw


def judge(raw: bytes, *, received_us: int) -> Batch:
    """The batch with each event judged. Invalid: the envelope itself is wrong, naming the field.

    ``received_us`` is the server's clock in microseconds; it bounds the events' own times.
    """
    envelope = _envelope(raw)
    return Batch(
        id=envelope.batch,
        digest=hashlib.sha256(raw).hexdigest(),
        size=len(envelope.events),
        rejected=_judge_events(envelope.events, received_us),
        sdk=envelope.sdk,
        instance=envelope.instance,
        dropped=envelope.dropped,
    )


class Content(NamedTuple):
    """What a stored batch holds: the accepted events in their order, and what its sender says of itself."""

    events: list[dict[str, Any]]
    evaluations: dict[str, dict[str, int]]
    """By flag and variant."""
    device: str | None
    revision: int | None


def accepted(raw: bytes, rejected: dict[int, str]) -> Content:
    """What counts of a stored batch, as plain JSON objects."""
    envelope = from_json(raw)
    events: list[dict[str, Any]] = envelope["events"]
    kept = [event for index, event in enumerate(events) if index not in rejected] if rejected else events
    return Content(kept, envelope.get("evaluations", {}), envelope.get("device"), envelope.get("revision"))


def _gunzip(body: bytes) -> bytes:
    machine = zlib.decompressobj(wbits=31)
    try:
        raw = machine.decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise Invalid("body", f"is not valid gzip ({error})") from None
    if len(raw) <= MOST_BYTES and not machine.eof:
        raise Invalid("body", "ends in the middle of its gzip stream")
    return raw


def _envelope(raw: bytes) -> Any:
    value = read_batch(raw)
    try:
        envelope = ENVELOPE.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Invalid(_path(first) or "body", _words(first)) from None
    if not envelope.events and not envelope.evaluations:
        raise Invalid("events", "must hold at least 1 event, unless evaluations are told")
    return envelope


def _judge_events(events: list[Any], received_us: int) -> dict[int, str]:
    try:
        parsed = EVENTS.validate_python(events)
    except ValidationError:
        return _judge_singly(events, received_us)
    reasons = ((index, _problem(event, received_us)) for index, event in enumerate(parsed))
    return {index: reason for index, reason in reasons if reason is not None}


def _judge_singly(events: list[Any], received_us: int) -> dict[int, str]:
    rejected = {}
    for index, raw in enumerate(events):
        try:
            reason = _problem(EVENT.validate_python(raw), received_us)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            reason = f"{_path(first, tagged=True) or 'event'}: {_words(first)}"
        if reason is not None:
            rejected[index] = reason
    return rejected


def _problem(event: Exposure | Outcome | Prediction, received_us: int) -> str | None:
    ahead_us = event.at_us - received_us
    if ahead_us > MOST_AHEAD_US:
        return f"at_us: is {ahead_us // 1_000_000} s ahead of the server's clock; check this machine's clock"
    if -ahead_us > MOST_LATE_US:
        return f"at_us: is over {MOST_LATE_US // 86_400_000_000} days old (microseconds since 1970, UTC?)"
    if isinstance(event, Exposure) and event.context:
        return _json_problem("context", event.context)
    if isinstance(event, Prediction) and event.output is not None:
        return _json_problem("output", event.output)
    return None


def _json_problem(field: str, value: Any) -> str | None:
    # A quick look that most values pass: spaces, which the limit counts too, never double a text's length.
    quick = to_json(value, inf_nan_mode="constants")
    if len(quick) <= LONGEST_JSON // 2 and b"Infinity" not in quick and b"NaN" not in quick:
        return None
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return f"{field}: holds NaN or a number beyond floats; send finite numbers"
    if len(text) > LONGEST_JSON:
        return f"{field}: is over {LONGEST_JSON} characters of JSON; send less"
    return None


def _path(error: ErrorDetails, *, tagged: bool = False) -> str:
    # The first step of a tagged union's path is the tag itself, which is no field of the event.
    steps = error["loc"][1:] if tagged else error["loc"]
    return ".".join(str(step) for step in steps)[:_LONGEST_PATH]


def _words(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "is not a known field; remove it"
    if error["type"] in ("union_tag_not_found", "union_tag_invalid"):
        return "type must be exposure, outcome or prediction"
    return error["msg"][:1].lower() + error["msg"][1:]
