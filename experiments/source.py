"""Opening a file of rows as a table: CSV by its own header's delimiter, or parquet."""

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

    Invalid: not there, empty, no permission, or of no kind that is known by its name.
    duckdb.Error: the content is not what the name says.
    """
    name = path.name.lower()
    if not name.endswith((*_TEXT, *_PARQUET)):
        kinds = ", ".join((*_TEXT, *_PARQUET))
        raise Invalid("FILE", f"{path.name} is of no kind that can be read; use {kinds}")
    try:
        header = _header(path) if name.endswith(_TEXT) else None
    except (OSError, EOFError) as error:
        raise Invalid("FILE", f"{path.name} cannot be read: {error}") from error
    if header is None:
        return connection.read_parquet(str(path))
    if not header.strip():
        raise Invalid("FILE", f"{path.name} is empty; its first line must name the columns")
    return connection.read_csv(
        str(path),
        all_varchar=True,
        header=True,
        delim=max(_DELIMITERS, key=header.count),
        quote='"',
        escape='"',
        nullstr=["", "NA"],
    )


def _header(path: Path) -> str:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rb") as file:
        line: bytes = file.readline(_MOST_HEADER)
    return line.decode("utf-8-sig", errors="replace")
