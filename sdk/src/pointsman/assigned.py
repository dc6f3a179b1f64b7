"""Asking the server which variants units keep, where a sticky flag has too many units to hand out."""

import json
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Final

from pointsman.errors import Unreachable
from pointsman.messages import Request

if TYPE_CHECKING:
    from pointsman.transport import Transport

MOST_AT_ONCE: Final = 1_000
_MOST_BYTES: Final = 4_000_000
_HEADERS: Final = {"Content-Type": "application/json"}


def ask_for(
    transport: "Transport", flag: str, units: Sequence[str], context: Mapping[str, object], *, within_s: float
) -> dict[str, str]:
    """The variants by unit, asked for 1,000 at a time. Unreachable: no, not in time, or not understood.

    Whoever is new is enrolled by asking.
    """
    deadline = monotonic() + within_s
    kept: dict[str, str] = {}
    for start in range(0, len(units), MOST_AT_ONCE):
        transport.timeout_s = max(0.0, deadline - monotonic())
        kept |= _ask(transport, flag, units[start : start + MOST_AT_ONCE], context)
    return kept


def _ask(
    transport: "Transport", flag: str, units: Sequence[str], context: Mapping[str, object]
) -> dict[str, str]:
    asked = {"flag": flag, "units": [{"unit": unit, "context": dict(context)} for unit in units]}
    body = json.dumps(asked, ensure_ascii=False, allow_nan=False).encode()
    answer = transport.ask(
        Request(method="POST", path="/v1/assignments", headers=_HEADERS, body=body, limit=_MOST_BYTES)
    )
    if answer.status != 200:
        raise Unreachable(f"the server answered {answer.status} to the request for assignments")
    try:
        found = json.loads(answer.body)["assignments"]
        return {str(each["unit"]): str(each["variant"]) for each in found if each["variant"] is not None}
    except (ValueError, KeyError, TypeError) as error:
        raise Unreachable(f"the server's assignments cannot be read ({error})") from error
