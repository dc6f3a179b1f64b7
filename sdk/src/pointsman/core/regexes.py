"""Regular expressions that cannot run away: RE2's, compiled within a bounded memory."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

MAX_PATTERN: Final = 1_000
# RE2's own default: enough for any pattern of MAX_PATTERN that people write, and refused beyond.
_MAX_MEMORY: Final = 8 << 20


@lru_cache(maxsize=1_024)
def finder(pattern: str) -> Callable[[str], bool]:
    """Whether text holds the pattern anywhere. ValueError: not RE2 syntax, or too large, and why.

    Text with a lone surrogate, which has no UTF-8 bytes, holds no pattern.
    """
    import re2

    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"a pattern has at most {MAX_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        search = re2.compile(pattern, options).search
    except (re2.error, UnicodeEncodeError) as error:
        raise ValueError(f"is no RE2 pattern ({_reason(error)})") from error

    def found(text: str) -> bool:
        try:
            return search(text) is not None
        except UnicodeEncodeError:
            return False

    return found


def _reason(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return told.decode(errors="replace") if isinstance(told, bytes) else str(told)
