"""The event tables: Delta Lake, appended exactly once, read as parquet files by any engine.

The lake is a folder with one table for exposures, outcomes and predictions, partitioned by the UTC day
of the event. Writers name themselves and number their writes; the table remembers the last number of
each writer in the same commit as the rows, so a write that is repeated after a crash is recognised.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

TABLES: Final = ("exposures", "outcomes", "predictions")
_COMPACT_OVER_FILES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Units of some environments, these as ``project/environment``."""

    environments: tuple[str, ...]
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lake:
    """The event tables under one folder."""

    folder: Path

    def files(self, table: str) -> list[str]:
        """The parquet files of the table as it stands now; empty before the first event."""
        opened = self._open(table)
        return [] if opened is None else sorted(opened.file_uris())

    def version(self, table: str) -> int | None:
        """The table's version (it grows with every commit); None before the first event."""
        opened = self._open(table)
        return None if opened is None else int(opened.version())

    def has(self, table: str, writer: str, number: int) -> bool:
        """Whether this writer's write of this number is in the table already."""
        opened = self._open(table)
        last = None if opened is None else opened.transaction_version(writer)
        return last is not None and last >= number

    def append(self, table: str, rows: "pa.Table", writer: str, number: int) -> None:
        """Add the rows in one commit that also remembers ``writer`` and ``number``.

        CommitFailedError: another process committed as the same writer meanwhile; ask `has` again.
        """
        from deltalake import CommitProperties, Transaction, write_deltalake

        write_deltalake(
            self._path(table),
            rows,
            mode="append",
            partition_by=["day"],
            commit_properties=CommitProperties(
                app_transactions=[Transaction(writer, number)], max_commit_retries=3
            ),
        )

    def without_known(self, table: str, rows: "pa.Table", batches: Sequence[str]) -> "pa.Table":
        """The rows but for those of the named batches that the table holds already."""
        opened = self._open(table) if batches else None
        if opened is None:
            return rows
        import pyarrow as pa
        import pyarrow.compute as pc

        named = pa.array(batches, pa.string())
        held = (pc.unique(part["batch"]) for part in _texts(opened, ["batch"]))
        found = [each.filter(pc.is_in(each, value_set=named)) for each in held]
        known = pa.concat_arrays([pa.array([], pa.string()), *found])
        return rows.filter(pc.invert(pc.is_in(rows["batch"], value_set=known)))

    def count_units(self, table: str, wanted: Sequence[Wanted]) -> Counter[tuple[str, str]]:
        """How many rows the wanted units have, by environment and unit."""
        opened = self._open(table)
        if opened is None or not wanted:
            return Counter()
        import pyarrow as pa
        import pyarrow.compute as pc

        sought = {
            (environment, unit) for each in wanted for environment in each.environments for unit in each.units
        }
        named = pa.array(sorted({unit for _, unit in sought}), pa.string())
        found: Counter[tuple[str, str]] = Counter()
        for part in _texts(opened, ["environment", "unit"]):
            rows = part.filter(pc.is_in(part["unit"], value_set=named))
            pairs = zip(rows["environment"].to_pylist(), rows["unit"].to_pylist(), strict=True)
            found.update(pair for pair in pairs if pair in sought)
        return found

    def delete_units(self, table: str, wanted: Sequence[Wanted]) -> int:
        """Delete the rows of the wanted units in one commit; how many. Replaced files stay for their readers.

        CommitFailedError: another process wrote the table meanwhile; try again.
        """
        opened = self._open(table)
        if opened is None or not wanted:
            return 0
        return int(opened.delete(" OR ".join(_predicate(each) for each in wanted))["num_deleted_rows"])

    def remove_replaced(self, table: str, kept_for: timedelta) -> None:
        """Delete files that were replaced, or never became part of the table, longer ago than that.

        The table's log goes back no further either: its entries hold the least and the greatest value of
        each column of each file. What a writer's last write was is kept.
        """
        opened = self._open(table)
        if opened is None:
            return
        hours = kept_for // timedelta(hours=1)
        log_life = {"delta.logRetentionDuration": f"interval {hours} hours"}
        if log_life.items() - opened.metadata().configuration.items():
            opened.alter.set_table_properties(log_life)
        opened.vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False, full=True)
        opened.create_checkpoint()
        opened.cleanup_metadata()

    def compact(self, table: str) -> int:
        """Merge small files into large ones when there are many; how many were merged."""
        opened = self._open(table)
        if opened is None or len(opened.file_uris()) <= _COMPACT_OVER_FILES:
            return 0
        merged = opened.optimize.compact()
        return int(merged["numFilesRemoved"])

    def _path(self, table: str) -> str:
        if table not in TABLES:
            raise ValueError(f"no event table {table!r}; there are {', '.join(TABLES)}")
        return str(self.folder / table)

    def _open(self, table: str) -> "DeltaTable | None":
        from deltalake import DeltaTable

        path = self._path(table)
        return DeltaTable(path) if DeltaTable.is_deltatable(path) else None


def _texts(opened: "DeltaTable", columns: Sequence[str]) -> Iterator["pa.Table"]:
    """Columns of plain text, part by part in bounded memory.

    Files that a deletion or a merge wrote hold another type of text, which pyarrow does not compare with the
    plain one, not even where it prunes: so what is asked of them is asked after they are read.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    plain = pa.schema([(name, pa.string()) for name in columns])
    for uri in opened.file_uris():
        with ParquetFile(uri) as file:
            for part in file.iter_batches(columns=list(columns)):
                yield pa.Table.from_batches([part]).select(columns).cast(plain)


def _predicate(wanted: Wanted) -> str:
    """SQL that is true for their rows.

    Units go in by their SHA-256: the table's log keeps the text of a deletion, and must not name whom it is
    to forget. As bytes, for the check of conflicts reads the text again and trips over functions of text.
    """
    environments = ", ".join("'" + each.replace("'", "''") + "'" for each in wanted.environments)
    units = ", ".join(f"X'{hashlib.sha256(unit.encode()).hexdigest()}'" for unit in wanted.units)
    return f"(environment IN ({environments}) AND sha256(unit) IN ({units}))"
