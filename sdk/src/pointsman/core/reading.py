"""Strict primitives of reading: each gives a value of one type, or says which field is wrong and why.

A reader names only what it knows itself; whoever called it puts the way there in front (``under``). So the
names of fields cost nothing while all is well.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from pointsman.core.payload import scalar, text
from pointsman.errors import CodecError

_T = TypeVar("_T")
_MOST: Final = 2**63


def under(way: str, error: CodecError) -> CodecError:
    """The same error, its field seen from further out."""
    if not error.field:
        return CodecError(way, error.problem)
    return CodecError(way + error.field if error.field[0] == "[" else f"{way}.{error.field}", error.problem)


def record(raw: object, needed: frozenset[str], known: frozenset[str]) -> dict[str, Any]:
    """An object with every needed field and none but the known ones."""
    if type(raw) is not dict:
        raise CodecError("", f"must be an object, not {type(raw).__name__}")
    keys = raw.keys()
    if not needed <= keys:
        raise CodecError(min(needed - keys), "is missing")
    if not keys <= known:
        raise CodecError(f"{min(keys - known)!r:.80}", "is not a known field")
    return raw


def required(wire: Mapping[str, Any], field: str, read: Callable[[Any], _T]) -> _T:
    """The field's value."""
    try:
        return read(wire[field])
    except CodecError as error:
        raise under(field, error) from error


def optional(wire: Mapping[str, Any], field: str, read: Callable[[Any], _T], default: _T) -> _T:
    """The field's value, or the default where it is left out."""
    return required(wire, field, read) if field in wire else default


def each(raw: object, read: Callable[[Any], _T]) -> tuple[_T, ...]:
    """Every item of a list."""
    if type(raw) is not list:
        raise CodecError("", f"must be a list, not {type(raw).__name__}")
    found: list[_T] = []
    try:
        for item in raw:
            found.append(read(item))  # noqa: PERF401  (its length names the item that is wrong)
    except CodecError as error:
        raise under(f"[{len(found)}]", error) from error
    return tuple(found)


def entries(raw: object, read: Callable[[str, Any], _T]) -> dict[str, _T]:
    """Every entry of an object, whose keys are names."""
    if type(raw) is not dict:
        raise CodecError("", f"must be an object, not {type(raw).__name__}")
    found: dict[str, _T] = {}
    for key, value in raw.items():
        name(key)
        try:
            found[key] = read(key, value)
        except CodecError as error:
            raise under(key, error) from error
    return found


def name(raw: object) -> str:
    """Text that is not empty."""
    found = text(raw, "")
    if not found:
        raise CodecError("", "must not be empty")
    return found


def plain_text(raw: object) -> str:
    """Text, empty or not."""
    return text(raw, "")


def plain_scalar(raw: object) -> bool | int | float | str:
    """A boolean, finite number or text."""
    return scalar(raw, "")


def count(raw: object) -> int:
    """A whole number from 0 to 2**63 - 1."""
    if type(raw) is not int or not 0 <= raw < _MOST:
        raise CodecError("", "must be a whole number from 0 to 2**63 - 1")
    return raw


def boolean(raw: object) -> bool:
    """True or false."""
    if raw is not True and raw is not False:
        raise CodecError("", "must be true or false")
    return raw


def member(kinds: Mapping[str, _T], raw: object) -> _T:
    """One of a closed set."""
    found = text(raw, "")
    if found not in kinds:
        raise CodecError("", f"{found!r:.80} is not known to this client")
    return kinds[found]
