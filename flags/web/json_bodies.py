"""JSON that comes in: read strictly once, before any model sees it, and every problem in our own shape."""

import json
from collections.abc import Iterator
from typing import Final, NoReturn

from flask import request
from pydantic import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from flags.payloads import Problem, check_json, text_problem
from flags.validation import InvalidFlag, refuse
from runtime.errors import Invalid

MOST_BYTES: Final = 4 * 1024 * 1024
# Levels of a request around its payloads: the body, its variants, and a few more for what will come.
_LEVELS_AROUND: Final = 8


def vet_json_body() -> None:
    """Refuse a body that is not one clean JSON object; to run before each request that changes something.

    Invalid: another content type (a form of another site could send one with a person's cookie), no UTF-8,
    no JSON, a member twice, NaN or Infinity, NUL or half a surrogate pair, or nested too deep.
    Beyond 4 MB: 413.
    """
    if request.method not in {"POST", "PUT", "PATCH"}:
        return
    if request.mimetype != "application/json":
        raise Invalid("Content-Type", "send the body as application/json")
    # One byte more than is allowed: a body of no announced length would otherwise be cut there, unnoticed.
    request.max_content_length = MOST_BYTES + 1
    body = request.get_data()
    if len(body) > MOST_BYTES:
        raise RequestEntityTooLarge
    clean_object(body)


def clean_object(body: bytes) -> dict[str, object]:
    """The one clean JSON object these bytes are. Invalid: as ``vet_json_body``."""
    members = _parse(body)
    refuse(_problems(members))
    return members


def refuse_model(error: ValidationError) -> NoReturn:
    """What pydantic found, as InvalidFlag: the application's ``validation_error_callback``."""
    raise InvalidFlag(
        tuple(
            Problem(_path(each["loc"]), each["msg"])
            for each in error.errors(include_url=False, include_input=False, include_context=False)
        )
    )


def _path(steps: tuple[int | str, ...]) -> str:
    # Tags of unions begin with a tilde; they are no part of the body.
    return ".".join(str(step) for step in steps if not str(step).startswith("~")) or "body"


def _parse(body: bytes) -> dict[str, object]:
    try:
        parsed = json.loads(body.decode(), parse_constant=_no_constant, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        what = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise Invalid("body", f"is not JSON in UTF-8: {what}") from None
    if not isinstance(parsed, dict):
        raise Invalid("body", "must be a JSON object")
    return parsed


def _problems(members: dict[str, object]) -> Iterator[Problem]:
    for name, value in members.items():
        if text_problem(name):
            yield Problem("body", f"has a member name that {text_problem(name)}")
        else:
            yield from check_json(value, name, depth=1 - _LEVELS_AROUND)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The object. ValueError: a member comes twice, and nobody can tell which is meant."""
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {twice[:80]!r} comes twice")
    return members
