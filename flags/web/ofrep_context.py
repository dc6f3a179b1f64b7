"""The evaluation context of an OFREP request, read strictly. Every problem has the protocol's error code."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NoReturn

from flags.limits import JSON_DEPTH
from flags.payloads import check_json
from runtime.web.hot import HotRequest

# A context is a few attributes; evaluating happens on the event loop, where nothing may take long.
MOST_BYTES: Final = 65_536


class OfrepCode(StrEnum):
    """The error codes that the protocol knows for a request."""

    PARSE_ERROR = "PARSE_ERROR"
    TARGETING_KEY_MISSING = "TARGETING_KEY_MISSING"
    INVALID_CONTEXT = "INVALID_CONTEXT"
    GENERAL = "GENERAL"
    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"


class Refused(Exception):
    """The request cannot be evaluated, and no flag would change that."""

    def __init__(self, code: OfrepCode, details: str) -> None:
        super().__init__(details)
        self.code, self.details = code, details


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who is to be evaluated, and what is known of them."""

    unit: str
    context: dict[str, object]


def read_context(request: HotRequest) -> Asked:
    """The unit and the context. Refused: says what is wrong with the request."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(OfrepCode.PARSE_ERROR, "send the body as application/json")
    if len(request.body) > MOST_BYTES:
        raise Refused(
            OfrepCode.INVALID_CONTEXT, f"the body is over {MOST_BYTES} bytes; send fewer attributes"
        )
    members = _parse(request.body)
    context = members.get("context")
    if not isinstance(context, dict):
        raise Refused(OfrepCode.INVALID_CONTEXT, "context: is needed, as a JSON object")
    unit = context.get("targetingKey", "")
    if not isinstance(unit, str):
        raise Refused(OfrepCode.INVALID_CONTEXT, "context.targetingKey: must be text")
    if not unit:
        details = "context.targetingKey: is needed; it says who is evaluated"
        raise Refused(OfrepCode.TARGETING_KEY_MISSING, details)
    return Asked(unit=unit, context=context)


def _parse(body: bytes) -> dict[str, object]:
    try:
        parsed = json.loads(body.decode(), parse_constant=_no_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        what = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise Refused(OfrepCode.PARSE_ERROR, f"the body is not JSON in UTF-8: {what}") from None
    if not isinstance(parsed, dict):
        raise Refused(OfrepCode.PARSE_ERROR, "the body must be a JSON object")
    # NUL and half surrogate pairs can only come as escapes, depth only from brackets: most have neither.
    if b"\\u" in body or body.count(b"{") + body.count(b"[") > JSON_DEPTH:
        for problem in check_json(parsed, "body"):
            raise Refused(OfrepCode.INVALID_CONTEXT, f"{problem.field}: {problem.problem}")
    return parsed


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has the same member twice")
    return members
