"""Points in time, as conditions compare them: exact integers."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NANOSECONDS: Final = 1_000_000_000
_SHAPE: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,100}))?([Zz]|[+-]\d{2}:\d{2}))?",
    re.ASCII,
)


def instant_of_text(text: str) -> int | None:
    """Nanoseconds since 1970 of RFC 3339 text with an offset, or of a plain date's midnight in UTC.

    Digits past the ninth of a second do not count; second 60 is the first of the next minute. None: neither.
    """
    found = _SHAPE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH.toordinal()
    except ValueError:
        return None
    if hour is None:
        return days * 86_400 * _NANOSECONDS
    shift = _seconds_east(offset)
    if shift is None or int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        return None
    seconds = days * 86_400 + int(hour) * 3_600 + int(minute) * 60 + int(second) - shift
    return seconds * _NANOSECONDS + int(f"{fraction or '':0<9.9}")


def instant_of_datetime(moment: datetime) -> int | None:
    """Nanoseconds since 1970 of a moment that knows its offset; None: it does not."""
    try:
        if datetime.utcoffset(moment) is None:
            return None
        return (datetime.__sub__(moment, _EPOCH) // _MICROSECOND) * 1_000
    except Exception:  # The time zone is the caller's code, which may raise anything.
        return None


def _seconds_east(offset: str) -> int | None:
    if offset in "Zz":
        return 0
    hours, minutes = int(offset[1:3]), int(offset[4:])
    if hours > 23 or minutes > 59:
        return None
    return (hours * 3_600 + minutes * 60) * (-1 if offset[0] == "-" else 1)
