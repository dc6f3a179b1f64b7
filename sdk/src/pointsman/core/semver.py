"""Versions in the order of Semantic Versioning 2.0.0."""

from string import ascii_letters, digits
from typing import Final, TypeAlias

Precedence: TypeAlias = tuple[object, ...]
"""Sorts as the version does. Numbers are (digits, text): no number is too long to compare."""

_DIGITS: Final = frozenset(digits)
_IDENTIFIER: Final = frozenset(ascii_letters + digits + "-")


def precedence(text: str) -> Precedence | None:
    """The version's place in the order; None: no version.

    Build metadata and one leading ``v`` do not count.
    """
    version, plus, build = text.removeprefix("v").partition("+")
    core, dash, prerelease = version.partition("-")
    numbers = core.split(".")
    if len(numbers) != 3 or not all(_is_number(number) for number in numbers):
        return None
    if plus and not all(_is_identifier(each) for each in build.split(".")):
        return None
    release = tuple((len(number), number) for number in numbers)
    if not dash:
        return (release, 1, ())
    identifiers = prerelease.split(".")
    if not all(_is_identifier(each) and (not _are_digits(each) or _is_number(each)) for each in identifiers):
        return None
    # A number sorts before text; a release after each of its own pre-releases.
    return (
        release,
        0,
        tuple((0, len(each), each) if _are_digits(each) else (1, 0, each) for each in identifiers),
    )


def _is_number(text: str) -> bool:
    return _are_digits(text) and (text == "0" or text[0] != "0")


def _are_digits(text: str) -> bool:
    return bool(text) and _DIGITS.issuperset(text)


def _is_identifier(text: str) -> bool:
    return bool(text) and _IDENTIFIER.issuperset(text)
