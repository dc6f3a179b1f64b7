"""Payloads of variants: checked once when read, then shared by every caller and therefore read-only."""

from collections.abc import Callable
from typing import Any, Final, NoReturn

from pointsman.core.model import Json, Kind
from pointsman.errors import CodecError

# Deeper nesting is a mistake or an attack, and would end in RecursionError somewhere in the host.
MAX_DEPTH: Final = 64

_INFINITY: Final = float("inf")
_LEAVES: Final = frozenset({bool, int, type(None)})


def _refuse(self: object, *_args: object, **_kwargs: object) -> NoReturn:
    raise TypeError("a payload is shared and read-only; change a copy.deepcopy() of it")


class PayloadDict(dict[str, Json]):
    """A dict nobody can change: callers share it. Equal to, and serialised as, a plain dict.

    ``copy.deepcopy`` and ``pickle`` give plain, changeable dicts.
    """

    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (), None, None, iter(self.items())


class PayloadList(list[Json]):
    """A list nobody can change: callers share it. Equal to, and serialised as, a plain list."""

    __slots__ = ()
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, iter(self)


def read_payload(raw: object, kind: Kind, field: str) -> Json:
    """The payload as a read-only value of this kind; CodecError names the field and the fix."""
    if not _FITS[kind](raw):
        raise CodecError(field, f"a {kind} flag needs {_WANTED[kind]}, not {type(raw).__name__}")
    return read_only(raw, field)


def read_only(raw: object, field: str, depth: int = 0) -> Json:
    """Any JSON value, made read-only all the way down.

    CodecError: not JSON, a number that is not finite, text that is not Unicode, nested over MAX_DEPTH.
    """
    if depth > MAX_DEPTH:
        raise CodecError(field, f"nested deeper than {MAX_DEPTH}")
    is_leaf = _is_leaf if depth < MAX_DEPTH else _no_leaf
    if isinstance(raw, dict):
        return PayloadDict(
            {
                text(key, field): value if is_leaf(value) else read_only(value, f"{field}.{key}", depth + 1)
                for key, value in raw.items()
            }
        )
    if isinstance(raw, list):
        return PayloadList(
            [
                value if is_leaf(value) else read_only(value, f"{field}[{index}]", depth + 1)
                for index, value in enumerate(raw)
            ]
        )
    return raw if raw is None else scalar(raw, field)


def _is_leaf(raw: object) -> bool:
    """Whether there is nothing more to look at: most values, told without naming their field."""
    kind = type(raw)
    return kind in _LEAVES or (kind is str and str.isascii(raw))  # type: ignore[arg-type]


def _no_leaf(raw: object) -> bool:
    """Below the last level even a leaf is too deep, and refused by name."""
    return False


def scalar(raw: object, field: str) -> bool | int | float | str:
    """A boolean, finite number or Unicode text; CodecError otherwise."""
    if isinstance(raw, str):
        return raw if raw.isascii() else text(raw, field)
    if isinstance(raw, float) and not -_INFINITY < raw < _INFINITY:
        raise CodecError(field, "must be a finite number")
    if isinstance(raw, bool | int | float):
        return raw
    raise CodecError(field, f"must be text, a number or a boolean, not {type(raw).__name__}")


def text(raw: object, field: str) -> str:
    """Unicode text; CodecError for anything else, lone surrogates included."""
    if type(raw) is str and raw.isascii():  # Nearly all of it; every surrogate is beyond.
        return raw
    if not isinstance(raw, str):
        raise CodecError(field, f"must be text, not {type(raw).__name__}")
    try:
        raw.encode()
    except UnicodeEncodeError as error:
        raise CodecError(field, "must be Unicode text without lone surrogates") from error
    return raw


def _is_number(raw: object) -> bool:
    return isinstance(raw, int | float) and not isinstance(raw, bool)


_FITS: Final[dict[Kind, Callable[[object], bool]]] = {
    Kind.BOOLEAN: lambda raw: isinstance(raw, bool),
    Kind.STRING: lambda raw: isinstance(raw, str),
    Kind.NUMBER: _is_number,
    Kind.JSON: lambda raw: True,
    Kind.MODEL: lambda raw: isinstance(raw, dict),
}
_WANTED: Final = {
    Kind.BOOLEAN: "true or false",
    Kind.STRING: "text",
    Kind.NUMBER: "a number",
    Kind.JSON: "any JSON value",
    Kind.MODEL: "an object",
}
