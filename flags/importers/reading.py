"""A stranger's JSON, taken apart with every type checked. Unmappable names the place of what is wrong."""

import json
import math
from typing import Final, NoReturn

from flags.importers.model import Unmappable
from flags.payloads import check_json
from pointsman.core.model import Json, Scalar
from runtime.errors import Invalid

MOST_BYTES: Final = 20 * 1024 * 1024
Object = dict[str, Json]


def document(text: str | bytes) -> Object:
    """The document as a JSON object. Invalid: too large, no JSON, a key twice, or not an object."""
    if len(text) > MOST_BYTES:
        raise Invalid("document", f"is larger than {MOST_BYTES} bytes; import it in parts")
    try:
        found = json.loads(text, parse_constant=_no_number, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Invalid("document", f"is not JSON: {str(error)[:200]}") from None
    if not isinstance(found, dict):
        raise Invalid("document", "must be a JSON object")
    return found


def child(of: Object, name: str, place: str) -> Object:
    """The member, an object; empty where it is missing or null."""
    value = of.get(name)
    return {} if value is None else as_object(value, f"{place}.{name}")


def members(of: Object, name: str, place: str) -> list[Json]:
    """The member, a list; empty where it is missing or null."""
    value = of.get(name)
    return [] if value is None else as_list(value, f"{place}.{name}")


def objects(of: Object, name: str, place: str) -> list[Object]:
    """The member, a list of objects; empty where it is missing or null."""
    return [as_object(each, f"{place}.{name}.{index}") for index, each in enumerate(members(of, name, place))]


def texts(of: Object, name: str, place: str) -> list[str]:
    """The member, a list of texts; empty where it is missing or null."""
    return [as_text(each, f"{place}.{name}") for each in members(of, name, place)]


def text(of: Object, name: str, place: str, default: str | None = None) -> str:
    """The member, a text. Unmappable: missing, and no default."""
    value = of.get(name)
    return default if value is None and default is not None else as_text(value, f"{place}.{name}")


def truth(of: Object, name: str, place: str, *, default: bool = False) -> bool:
    """The member, true or false."""
    value = of.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Unmappable(f"{place}.{name}", "must be true or false")
    return value


def number(of: Object, name: str, place: str, default: float | None = None) -> float:
    """The member, a finite number. Unmappable: missing, and no default."""
    value = of.get(name)
    return default if value is None and default is not None else as_number(value, f"{place}.{name}")


def whole(of: Object, name: str, place: str, default: int | None = None) -> int:
    """The member, a whole number."""
    value = number(of, name, place, default)
    if value != int(value):
        raise Unmappable(f"{place}.{name}", "must be a whole number")
    return int(value)


def as_object(value: Json, place: str) -> Object:
    """The value, an object."""
    if not isinstance(value, dict):
        raise Unmappable(place, "must be an object")
    return value


def as_list(value: Json, place: str) -> list[Json]:
    """The value, a list."""
    if not isinstance(value, list):
        raise Unmappable(place, "must be a list")
    return value


def as_text(value: Json, place: str) -> str:
    """The value, a text that can be stored."""
    if not isinstance(value, str):
        raise Unmappable(place, "must be text")
    for problem in check_json(value, place):
        raise Unmappable(place, problem.problem)
    return value


def as_number(value: Json, place: str) -> float:
    """The value, a finite number that every reader has alike."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unmappable(place, "must be a number")
    if not math.isfinite(value) or abs(value) > 2**53:
        raise Unmappable(place, "must be a finite number of at most 2^53")
    return value


def as_scalar(value: Json, place: str) -> Scalar:
    """The value, a text, number, true or false."""
    if isinstance(value, bool):
        return value
    return as_text(value, place) if isinstance(value, str) else as_number(value, place)


def _unique(pairs: list[tuple[str, Json]]) -> Object:
    """The object. Of two members of one name nobody can tell which is meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r:.80} comes twice in one object")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
