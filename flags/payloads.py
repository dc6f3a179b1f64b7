"""Whether a variant's payload is what its flag's kind promises. Pure; answers with problems, never raises."""

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from flags import limits
from pointsman.core.model import Kind


class Problem(NamedTuple):
    """``field`` (a dotted path) is not acceptable; ``problem`` names the fix."""

    field: str
    problem: str


_TEXT_FIELDS: Final = ("provider", "version", "alias", "endpoint")
_OBJECT_FIELDS: Final = ("params", "resources")
_NUMBER_FIELDS: Final = ("cost_per_call", "offline_score")
MODEL_FIELDS: Final = ("model", *_TEXT_FIELDS, *_OBJECT_FIELDS, *_NUMBER_FIELDS)

_REGISTRY: Final = "models:/"
# MLflow 3 also names a logged model by its id, which stays what it is.
_FIXED: Final = re.compile(r"models:/(?:m-[0-9a-f]{32}|[^/:@\s][^/:@]*/(?P<version>[0-9]{1,19}))", re.ASCII)

# A lone half of a surrogate pair is no character: it cannot be written as UTF-8.
_UNWRITABLE: Final = re.compile("[\ud800-\udfff\x00]")


def text_problem(text: str) -> str | None:
    """What keeps this text out of a database or a UTF-8 file; None: nothing."""
    found = _UNWRITABLE.search(text)
    if found is None:
        return None
    what = "a NUL character" if found[0] == "\x00" else "half of a surrogate pair"
    return f"holds {what} at position {found.start()}; remove it"


def check_payload(kind: Kind, payload: object, field: str) -> Iterator[Problem]:
    """Every problem of one payload: JSON at all, within the limits, and of the flag's kind."""
    broken = list(check_json(payload, field))
    if broken:
        yield from broken
        return
    size = len(json.dumps(payload, ensure_ascii=False, allow_nan=False).encode())
    if size > limits.PAYLOAD_BYTES:
        yield Problem(field, f"takes {size} bytes as JSON; at most {limits.PAYLOAD_BYTES} are allowed")
    yield from _BY_KIND[kind](payload, field)


def check_json(value: object, field: str, depth: int = 1) -> Iterator[Problem]:
    """Problems of a value as JSON that every language reads alike. ``depth`` counts the levels above."""
    if isinstance(value, list | dict):
        yield from _nested_problems(value, field, depth)
    elif isinstance(value, str):
        yield from _text_problems(value, field)
    elif isinstance(value, int | float):
        yield from _number_problems(value, field)
    elif value is not None:
        yield Problem(field, f"is a {type(value).__name__}, which is no JSON value")


def _nested_problems(value: list[Any] | dict[Any, Any], field: str, depth: int) -> Iterator[Problem]:
    if depth > limits.JSON_DEPTH:
        yield Problem(field, f"is nested deeper than {limits.JSON_DEPTH} levels")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from check_json(item, f"{field}.{index}", depth + 1)
    else:
        for name, item in value.items():
            yield from _member_problems(name, item, field, depth)


def _member_problems(name: object, item: object, field: str, depth: int) -> Iterator[Problem]:
    if not isinstance(name, str):
        yield Problem(field, f"has the member name {name!r}; member names must be text")
        return
    if text_problem(name):
        yield Problem(field, f"has a member name that {text_problem(name)}")
        return
    yield from check_json(item, f"{field}.{name}", depth + 1)


def _text_problems(text: str, field: str) -> Iterator[Problem]:
    problem = text_problem(text)
    if problem:
        yield Problem(field, problem)


def _number_problems(number: float, field: str) -> Iterator[Problem]:
    if isinstance(number, int):
        if abs(number) > limits.MOST_EXACT_INTEGER:
            yield Problem(field, "is a whole number beyond 2^53, which readers corrupt; use text")
    elif not math.isfinite(number):
        yield Problem(field, "must be a finite number")


def _boolean(payload: object, field: str) -> Iterator[Problem]:
    if not isinstance(payload, bool):
        yield Problem(field, "must be true or false, for the flag is boolean")


def _string(payload: object, field: str) -> Iterator[Problem]:
    if not isinstance(payload, str):
        yield Problem(field, "must be text, for the flag is of kind string")


def _number(payload: object, field: str) -> Iterator[Problem]:
    if not _is_number(payload):
        yield Problem(field, "must be a number, for the flag is of kind number")


def _json(_payload: object, _field: str) -> Iterator[Problem]:
    return iter(())


def _model(payload: object, field: str) -> Iterator[Problem]:
    if not isinstance(payload, dict):
        yield Problem(field, 'must be an object with at least "model", for the flag is of kind model')
        return
    model = payload.get("model")
    if not isinstance(model, str) or not model.strip():
        yield Problem(f"{field}.model", "is needed: the model's name as text")
    elif model.strip().startswith(_REGISTRY):
        yield from _registered(model, payload.get("version"), field)
    for name in payload.keys() - set(MODEL_FIELDS):
        known = ", ".join(MODEL_FIELDS)
        yield Problem(f"{field}.{name}", f"is not a field of a model ({known}); put your own under params")
    for name in payload.keys() & set(MODEL_FIELDS):
        yield from _model_field(name, payload[name], f"{field}.{name}")


def _registered(model: str, version: object, field: str) -> Iterator[Problem]:
    """A registry's address must name what can't change: aliases are resolved before this is asked."""
    fixed = _FIXED.fullmatch(model)
    if fixed is None:
        yield Problem(
            f"{field}.model",
            "must name one version of a registered model for good: models:/name/7, or models:/name@alias, "
            "which is resolved when the flag is saved",
        )
    elif isinstance(version, str) and fixed["version"] is not None and version != fixed["version"]:
        yield Problem(f"{field}.version", f"contradicts {model}; leave it out, or write {fixed['version']!r}")


def _model_field(name: str, value: object, field: str) -> Iterator[Problem]:
    if name in _TEXT_FIELDS and not isinstance(value, str):
        yield Problem(field, "must be text")
    if name in _OBJECT_FIELDS and not isinstance(value, dict):
        yield Problem(field, "must be an object")
    if name in _NUMBER_FIELDS and not _is_number(value):
        yield Problem(field, "must be a number")
    if name == "cost_per_call" and isinstance(value, int | float) and value < 0:
        yield Problem(field, "cannot be negative")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_BY_KIND: Final[dict[Kind, Callable[[object, str], Iterator[Problem]]]] = {
    Kind.BOOLEAN: _boolean,
    Kind.STRING: _string,
    Kind.NUMBER: _number,
    Kind.JSON: _json,
    Kind.MODEL: _model,
}
