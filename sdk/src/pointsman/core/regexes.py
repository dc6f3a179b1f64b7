"""Regular expressions that cannot run away: RE2's, of a bounded size, searched in texts of a bounded length.

RE2's time is at worst its program's size times the text's bytes: 10 to 20 microseconds for each instruction
over MAX_SEARCHED characters. Programs grow with classes and repetitions: ``^\\w{1,255}$`` has 1,021
instructions, ``^\\p{L}+$`` 1,583, most patterns people write under 100.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

MAX_PATTERN: Final = 1_000
MAX_PROGRAM: Final = 2_500
"""RE2 instructions of one pattern."""
MAX_SEARCHED: Final = 2_048
"""Longer text matches no pattern."""

# Holds any program of MAX_PROGRAM and a search's states. At RE2's own 8 MB a search that makes many states
# is three times slower, and a flag's patterns take hundreds of megabytes.
_MAX_MEMORY: Final = 128 << 10
_ESCAPE: Final = re.compile(r"\\.", re.DOTALL)


class Pattern(NamedTuple):
    """A pattern ready to be searched for."""

    found: Callable[[str], bool]
    """Whether text holds the pattern anywhere."""
    size: int
    """Instructions of its program, forwards or backwards, whichever has more."""


def finder(pattern: str) -> Callable[[str], bool]:
    """Whether text holds the pattern anywhere. ValueError: not RE2 syntax, or too large, and why.

    Text with a lone surrogate, which has no UTF-8 bytes, holds no pattern.
    """
    return pattern_of(pattern).found


@lru_cache(maxsize=1_024)
def pattern_of(pattern: str) -> Pattern:
    """The pattern, ready. ValueError: not RE2 syntax, or too large, and why."""
    import re2

    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"a pattern has at most {MAX_PATTERN} characters")
    if "\\C" in _ESCAPE.findall(pattern):  # A byte within a character: up to four times the work.
        raise ValueError(r"\C is not supported, for it matches parts of characters; use (?s:.)")
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MAX_MEMORY
    try:
        compiled = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise ValueError(f"is no RE2 pattern ({_reason(error)})") from error
    size = max(compiled.programsize, compiled.reverseprogramsize)
    if size > MAX_PROGRAM:
        raise ValueError(
            f"is too large a pattern: {size} instructions, at most {MAX_PROGRAM} are allowed; "
            r"repeat less ({1,200}), or use smaller classes than \p{L}"
        )
    return Pattern(_found(compiled.search), size)


def _found(search: Callable[[str], object]) -> Callable[[str], bool]:
    def found(text: str) -> bool:
        try:
            return search(text) is not None
        except UnicodeEncodeError:
            return False

    return found


def _reason(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return told.decode(errors="replace") if isinstance(told, bytes) else str(told)
