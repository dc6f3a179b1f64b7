"""How long to wait before trying again."""

import time
from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

Clock: TypeAlias = Callable[[], float]
"""A steady clock, in seconds."""

# Long enough that a struggling server is left alone, short enough that recovery takes a minute at most.
CAP_S: Final = 60.0
# Beyond this a Retry-After is a mistake, and would keep a kill switch from working.
_LONGEST_RETRY_AFTER_S: Final = 600.0


def full_jitter(random: Random, failures: int, base_s: float) -> float:
    """Seconds to wait after this many failures in a row: uniform from 0 to 2, 4, 8 … times the base, or 60.

    Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return random.uniform(0.0, min(CAP_S, base_s * 2.0 ** min(failures, 16)))


def retry_after_s(header: str | None) -> float:
    """Seconds the server asks to wait, from 0 to 600; 0 where it asks nothing readable."""
    if not header:
        return 0.0
    seconds = float(header) if header.isascii() and header.isdigit() else _until(header)
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_S)


def _until(date: str) -> float:
    from email.utils import mktime_tz, parsedate_tz

    parsed = parsedate_tz(date)
    if parsed is None:
        return 0.0
    try:
        return mktime_tz(parsed) - time.time()
    except (ValueError, OverflowError):  # 31 February, the year 99999.
        return 0.0
