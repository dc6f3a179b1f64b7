"""Text compared without regard to case, exactly as ``str.lower`` on both sides: an RE2 pattern. Pure."""

from functools import cache
from typing import Final

from flags.importers.model import Unmappable
from flags.importers.terms import is_
from pointsman.core.model import Condition, Operator

EXACT: Final = r"\A{}\z"
STARTS: Final = r"\A{}"
ENDS: Final = r"{}\z"
CONTAINS: Final = "{}"

# Lower-cased by what stands around it (a final sigma), or into two characters (a dotted capital I).
_BY_NEIGHBOURS: Final = frozenset("σς\u0307")


def folded(attribute: str, wanted: str, shape: str, place: str) -> Condition:
    """The attribute is, begins, ends with or holds the text, in whatever case. Unmappable: sigmas."""
    lowered = wanted.lower()
    if _BY_NEIGHBOURS.intersection(lowered):
        raise Unmappable(place, "compares without regard to case a letter whose small form depends on others")
    pattern = "".join(_class_of(letter) for letter in lowered)
    if len(pattern) > 1_000:
        raise Unmappable(place, "compares so long a text without regard to case")
    return is_(attribute, Operator.TEXT_MATCHES, shape.format(pattern))


def _class_of(letter: str) -> str:
    spellings = sorted({letter, *_uppers().get(letter, ())})
    spelled = "".join(map(_spelled, spellings))
    return spelled if len(spellings) == 1 else f"[{spelled}]"


def _spelled(letter: str) -> str:
    return letter if letter.isascii() and letter.isalnum() else rf"\x{{{ord(letter):x}}}"


@cache
def _uppers() -> dict[str, tuple[str, ...]]:
    """By small letter, everything that becomes it alone."""
    found: dict[str, tuple[str, ...]] = {}
    for code in range(0x11_0000):
        if 0xD800 <= code < 0xE000:
            continue
        letter = chr(code)
        small = letter.lower()
        if small != letter and len(small) == 1:
            found[small] = (*found.get(small, ()), letter)
    return found
