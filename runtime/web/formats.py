"""How numbers, shares and times are written for people. Templates format with these and calculate nothing."""

import math
from datetime import datetime
from typing import Final

from flask import Flask

_BUCKETS_PER_PERCENT: Final = 1_000


def register(app: Flask) -> None:
    """Make the formats known to the templates."""
    app.jinja_env.filters.update(percent=percent, share=share, number=number, when=when)


def percent(buckets: int) -> str:
    """Buckets of 100,000 as a percentage: 12_500 → ``12.5 %``."""
    return f"{buckets / _BUCKETS_PER_PERCENT:.3f}".rstrip("0").rstrip(".") + " %"


def share(value: float | None, digits: int = 2) -> str:
    """A share in 0..1 as a percentage: 0.1902 → ``19.02 %``."""
    return "–" if value is None else f"{value * 100:.{digits}f} %"


def number(value: float | None, digits: int = 4) -> str:
    """Whole numbers grouped, others to so many significant digits: ``12 345``, ``51.34``."""
    if value is None:
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", "\u202f")
    magnitude = math.floor(math.log10(abs(value)))
    if -4 <= magnitude < digits:
        return f"{value:.{max(0, digits - 1 - magnitude)}f}"
    return f"{value:.{digits}g}"


def when(value: datetime | None) -> str:
    """A moment to the second, in UTC: ``2026-11-21 07:31:05 UTC``."""
    return "–" if value is None else f"{value:%Y-%m-%d %H:%M:%S} UTC"
