"""What a value in a file that cannot be used looks like, and how to write it instead. PURE.

Nothing is ever read the way a hint supposes: a guess that is wrong would be a wrong number.
"""

import re
from collections.abc import Iterable
from itertools import combinations
from typing import Final

_WORDS: Final = (("yes", "no"), ("y", "n"), ("on", "off"))
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d*,\d+")
_THOUSANDS: Final = re.compile(r"[+-]?\d{1,3}(?:(,\d{3})+(\.\d+)?|(\.\d{3})+,\d+)")
_PERCENT: Final = re.compile(r"[+-]?[\d.]+ ?%")
_CURRENCY: Final = re.compile(r"[$€£¥] ?[\d.,]+|[\d.,]+ ?[$€£¥]")


def value_hint(text: str) -> str:
    """The likely fix for a cell that is no number, as a clause; empty where nothing is likely."""
    cell = text.strip().lower()
    for true, false in _WORDS:
        if cell in (true, false):
            return f"looks like {true} and {false}; write 1 and 0"
    if _THOUSANDS.fullmatch(cell):
        return "looks like thousands separators or a decimal comma; write 1234.5"
    if _DECIMAL_COMMA.fullmatch(cell):
        return "looks like decimal commas; write 0.5"
    if _PERCENT.fullmatch(cell):
        return "looks like percentages; write 0.05 for 5 %"
    if _CURRENCY.fullmatch(cell):
        return "looks like amounts of money; write the bare number"
    return ""


def twins(names: Iterable[str]) -> str:
    """Two names that are probably one, and what tells them apart, as a clause; empty where there are none."""
    for one, other in combinations(sorted(names), 2):
        if difference := _difference(one, other):
            return f"{one!r} and {other!r} differ only by {difference}"
    return ""


def nearest(name: str, names: Iterable[str]) -> str:
    """``did you mean …?`` for a name that is there in other letters or with other spaces; else empty."""
    alike = [each for each in names if _difference(name, each)]
    return f"; did you mean {alike[0]!r}?" if alike else ""


def _difference(one: str, other: str) -> str:
    if one.strip().casefold() != other.strip().casefold() or one == other:
        return ""
    if one.strip() == other.strip():
        return "spaces"
    return "case" if one.casefold() == other.casefold() else "case and spaces"
