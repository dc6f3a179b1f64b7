"""Opening a file of rows as a table: CSV by its own header's delimiter, or parquet."""

import csv
import gzip
from pathlib import Path
from typing import Any, Final

from ibis import ir

from runtime.errors import Invalid

_DELIMITERS: Final = (",", ";", "\t", "|")
_TEXT: Final = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_PARQUET: Final = (".parquet", ".pq")
_MOST_HEADER: Final = 1_000_000


def open_table(connection: Any, path: Path) -> ir.Table:
    """The file's rows; every cell of a CSV is text, NA and the empty cell are null.

    Columns without a name (an index that pandas wrote, commas at the line's end) are left out.
    Invalid: not there, empty, no permission, or of no kind that is known by its name.
    duckdb.Error: the content is not what the name says.
    """
    name = path.name.lower()
    if not name.endswith((*_TEXT, *_PARQUET)):
        kinds = ", ".join((*_TEXT, *_PARQUET))
        raise Invalid("FILE", f"{path.name} is of no kind that can be read; use {kinds}")
    if name.endswith(_PARQUET):
        return connection.read_parquet(str(path))
    try:
        header = _header(path)
    except (OSError, EOFError) as error:
        raise Invalid("FILE", f"{path.name} cannot be read: {error}") from error
    if not header.strip():
        raise Invalid("FILE", f"{path.name} is empty; its first line must name the columns")
    delimiter = max(_DELIMITERS, key=header.count)
    names = _column_names(header, delimiter)
    filled = _without_gaps(names)
    rows: ir.Table = connection.read_csv(
        str(path),
        # Everything is said and nothing guessed: a guess may skip lines that do not look like the others.
        auto_detect=False,
        columns=dict.fromkeys(filled, "VARCHAR"),
        header=True,
        delim=delimiter,
        quote='"',
        escape='"',
        nullstr=["", "NA"],
    )
    return rows.select(*(name for name in names if name))


def _header(path: Path) -> str:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rb") as file:
        line: bytes = file.readline(_MOST_HEADER)
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("FILE", f"{path.name} is not text in UTF-8") from error


def _column_names(header: str, delimiter: str) -> list[str]:
    """The columns' names in order, empty where there is none."""
    try:
        cells = next(csv.reader([header], delimiter=delimiter))
    except csv.Error as error:
        raise Invalid("FILE", f"its first line does not name columns: {error}") from error
    names = [cell if cell.strip() else "" for cell in cells]
    named = [name for name in names if name]
    if not named:
        raise Invalid("FILE", "its first line must name the columns, and names none")
    # DuckDB, as any SQL, does not tell columns apart by case.
    seen: dict[str, str] = {}
    for name in named:
        other = seen.setdefault(name.lower(), name)
        if named.count(name) > 1:
            raise Invalid("FILE", f"its first line names {name!r} twice; every column needs its own name")
        if other != name:
            raise Invalid("FILE", f"columns {other!r} and {name!r} differ only by case; rename one of them")
    return names


def _without_gaps(names: list[str]) -> list[str]:
    """Each name, and one that no column has where there is none."""
    taken = max((len(name) for name in names), default=0)
    return [name or f"{index}".rjust(taken + 1, "_") for index, name in enumerate(names)]
