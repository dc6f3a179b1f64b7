"""What an application tells the server, and its bytes: the wire form of ``POST /v1/events``."""

import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from pointsman.core.model import Scalar
from pointsman.errors import CodecError

# The server refuses a batch over 5 MB; a batch is closed well before, whatever its events hold.
MAX_EVENT_BYTES: Final = 32_768


class Exposure(NamedTuple):
    """The unit really met the variant. ``at_us``: microseconds since 1970-01-01 UTC."""

    at_us: int
    unit: str
    flag: str
    variant: str
    rule: str | None
    revision: int | None
    context: Mapping[str, Scalar] | None


class Outcome(NamedTuple):
    """Something measured for the unit. ``at_us``: microseconds since 1970-01-01 UTC."""

    at_us: int
    unit: str
    name: str
    value: float
    prediction: str | None


Event: TypeAlias = Exposure | Outcome

_TYPES: Final = {Exposure: "exposure", Outcome: "outcome"}


def encode_event(event: Event) -> bytes:
    """The event's JSON, absent facts left out. CodecError: not JSON, not Unicode, or over MAX_EVENT_BYTES."""
    known = {name: fact for name, fact in event._asdict().items() if fact is not None}
    kind = _TYPES[type(event)]
    try:
        body = _compact({"type": kind, **known})
    except (TypeError, ValueError, RecursionError) as error:
        raise CodecError(kind, f"cannot be sent ({error})") from error
    if len(body) > MAX_EVENT_BYTES:
        raise CodecError(kind, f"is over {MAX_EVENT_BYTES} bytes")
    return body


def encode_batch(
    batch: str,
    *,
    sdk: str,
    instance: str,
    dropped: Mapping[str, int],
    events: Sequence[bytes],
    evaluations: Mapping[str, Mapping[str, int]] | None = None,
    device: str = "",
    revision: int | None = None,
) -> bytes:
    """The batch's JSON around events already encoded. ``dropped`` are totals since the instance began.

    ``evaluations``: by flag and variant, how often it was chosen since the instance last told. ``device``:
    what the machine is called. ``revision``: of the ruleset in force now.
    """
    told: dict[str, object] = {"evaluations": evaluations} if evaluations else {}
    if device:
        told["device"] = device
    if revision is not None:
        told["revision"] = revision
    envelope = _compact({"batch": batch, "sdk": sdk, "instance": instance, "dropped": dict(dropped), **told})
    return envelope[:-1] + b',"events":[' + b",".join(events) + b"]}"


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
