"""Everybody enrolled with a flag, as CSV that a spreadsheet cannot take for formulas."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Final

from flags import queries
from flags.model import FlagAt
from runtime.database import Database

_COLUMNS: Final = ("unit_type", "unit", "variant", "rule", "epoch", "at", "reason")
# A spreadsheet takes text that begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(at: FlagAt, database: Database) -> Iterator[str]:
    """The head, then some lines at a time in the order of enrolment; a read of its own each. NotFound."""
    yield _line(_COLUMNS)
    after = 0
    while True:
        with database.reading() as session:
            batch = queries.list_assignments(session, at, after=after)
        if not batch:
            return
        yield "".join(_line([_cell(getattr(each, name)) for name in _COLUMNS]) for each in batch)
        after = batch[-1].id


def _line(cells: Sequence[str]) -> str:
    text = StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: object) -> str:
    text = f"{value}"
    return f"'{text}" if text.startswith(_FORMULA) else text
