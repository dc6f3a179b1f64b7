"""Events as columns: the schemas of the event tables, and the step from JSON objects to Arrow. PURE."""

import json
from collections.abc import Iterable
from typing import Any, Final

import pyarrow as pa

_AT: Final = ("at", pa.timestamp("us", tz="UTC"))
_DAY: Final = ("day", pa.date32())
_US_A_DAY: Final = 86_400_000_000

SCHEMAS: Final = {
    "exposures": pa.schema(
        [
            ("environment", pa.string()),
            ("flag", pa.string()),
            ("unit", pa.string()),
            ("variant", pa.string()),
            ("rule", pa.string()),
            ("revision", pa.int64()),
            ("context", pa.string()),
            ("batch", pa.string()),
            _AT,
            _DAY,
        ]
    ),
    "outcomes": pa.schema(
        [
            ("environment", pa.string()),
            ("unit", pa.string()),
            ("name", pa.string()),
            ("value", pa.float64()),
            ("prediction", pa.string()),
            ("batch", pa.string()),
            _AT,
            _DAY,
        ]
    ),
    "predictions": pa.schema(
        [
            ("environment", pa.string()),
            ("id", pa.string()),
            ("flag", pa.string()),
            ("unit", pa.string()),
            ("variant", pa.string()),
            ("latency_s", pa.float64()),
            ("error", pa.string()),
            ("cost", pa.float64()),
            ("output", pa.string()),
            ("batch", pa.string()),
            _AT,
            _DAY,
        ]
    ),
}
_TABLE_OF: Final = {"exposure": "exposures", "outcome": "outcomes", "prediction": "predictions"}
_JSON_COLUMNS: Final = {"context", "output"}
_FLOAT_COLUMNS: Final = {"value", "latency_s", "cost"}

Row = tuple[str, str, dict[str, Any]]
"""Environment, batch, and one accepted event as a JSON object."""


def to_tables(rows: Iterable[Row]) -> dict[str, pa.Table]:
    """One Arrow table per event table that has rows, columns as in SCHEMAS."""
    sorted_rows: dict[str, list[Row]] = {}
    for row in rows:
        sorted_rows.setdefault(_TABLE_OF[row[2]["type"]], []).append(row)
    return {table: _table(SCHEMAS[table], found) for table, found in sorted_rows.items()}


def _table(schema: pa.Schema, rows: list[Row]) -> pa.Table:
    arrays = [pa.array(_column(field.name, rows), type=field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _column(name: str, rows: list[Row]) -> list[Any]:
    if name == "environment":
        return [row[0] for row in rows]
    if name == "batch":
        return [row[1] for row in rows]
    if name == "at":
        return [row[2]["at_us"] for row in rows]
    if name == "day":
        return [row[2]["at_us"] // _US_A_DAY for row in rows]
    if name in _JSON_COLUMNS:
        return [_text(row[2].get(name)) for row in rows]
    if name in _FLOAT_COLUMNS:
        return [_float(row[2].get(name, 1.0 if name == "value" else None)) for row in rows]
    return [row[2].get(name) for row in rows]


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
