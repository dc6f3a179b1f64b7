"""Attributes as a caller hands them over, reduced to what conditions compare."""

from operator import index
from typing import Any, Final

from pointsman.core.model import Scalar

PLAIN: Final = frozenset((str, int, float, bool, type(None)))

MAX_ITEMS: Final = 1_000
"""Longer lists match no list operator."""

# Past 4,300 digits Python refuses to spell an integer, and no unit is that long.
WIDEST_UNIT: Final = 10**1000

_LISTS: Final = (list, tuple, set, frozenset)


def plain(value: Any) -> tuple[Scalar | None, type]:
    """The attribute as an exact built-in scalar, and its type; None for what no condition can match.

    Subclasses (``StrEnum``, ``numpy.float64``, ``numpy.str_``) become their base, whatever they override.
    """
    # By type(), not isinstance(): an object may lie about its __class__, or raise when asked.
    if issubclass(type(value), str):
        return str.__str__(value), str
    if type(value) is bool:
        return value, bool
    if issubclass(type(value), int):
        return int.__index__(value), int
    if issubclass(type(value), float):
        return float.__float__(value), float
    return None, type(None)


def items_of(value: Any) -> list[Any] | None:
    """The items of a list, tuple or set of at most MAX_ITEMS; None: it is none, or longer."""
    for kind in _LISTS:
        if issubclass(type(value), kind):
            return list(kind.__iter__(value)) if kind.__len__(value) <= MAX_ITEMS else None
    return None


def hashable_text(value: Any) -> str | None:
    """The attribute as it is bucketed: text that has bytes, or an integer's decimal text. None: neither.

    Empty text is text here. Truth values are no integers; integers of other libraries (numpy's) are.
    """
    if issubclass(type(value), str):
        try:
            str.encode(value)
        except UnicodeEncodeError:
            return None
        return str.__str__(value)
    if type(value) is bool:
        return None
    try:
        number = index(value)
    except Exception:  # No integer; or __index__ is the caller's code, which may raise anything.
        return None
    return int.__repr__(number) if int.__abs__(number) < WIDEST_UNIT else None
