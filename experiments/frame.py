"""A file with one row per unit, reduced to moments: for people who have no server, only a table.

What is odd in the file is counted and left out, or refused by name; nothing is guessed. Rows without unit
or variant, units with several rows and units in two variants are excluded and counted. An empty cell, NA
or NaN in a metric is a unit that was not measured. Where exclusions leave nothing to compare, and where two
variants are probably one, the file is refused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, Final

import duckdb
import ibis
from ibis import ir

from experiments.analysis import Aggregates
from experiments.budget import Budget
from experiments.engine import connected, moment_columns, moments_in, rows_of
from experiments.hints import twins, value_hint
from experiments.metrics import Metric, MetricKind
from experiments.report import Exclusions
from experiments.source import open_table
from runtime.errors import Invalid

MOST_VARIANTS: Final = 20
_TRUE: Final = ("true", "t")
_FALSE: Final = ("false", "f")
_NOT_MEASURED: Final = ("", "na", "n/a", "nan", "null", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which columns mean what. A metric's ``outcome`` names its column."""

    unit: str
    variant: str
    metrics: Sequence[Metric]


def aggregate_file(path: Path, columns: Columns, budget: Budget | None = None) -> Aggregates:
    """Units and moments by variant, of a CSV or parquet file.

    Invalid: names the option (``--unit``, ``--variant``, ``--metric``, ``FILE``), what is wrong, and what
    is available.
    """
    try:
        with connected(budget or Budget()) as connection:
            cells = _cells(open_table(connection, path), columns)
            missing = _check(cells, columns)
            arms = _arms(cells, columns)
    except duckdb.Error as error:
        raise Invalid("FILE", f"{path.name} cannot be read: {_first_lines(error)}") from error
    return _aggregates(arms, columns, missing)


def _cells(table: ir.Table, columns: Columns) -> ir.Table:
    """unit and variant as text, one number column per metric, and one with the text that is no number."""
    available = table.columns
    _known("--unit", columns.unit, available)
    _known("--variant", columns.variant, available)
    numbers: dict[str, Any] = {}
    for index, metric in enumerate(columns.metrics):
        _known("--metric", metric.outcome, available)
        value, wrong = _number(table[metric.outcome], metric)
        numbers |= {f"m{index}": value, f"wrong{index}": wrong}
    return table.select(unit=_name(table[columns.unit]), variant=_name(table[columns.variant]), **numbers)


def _known(option: str, name: str, available: Iterable[str]) -> None:
    if name not in available:
        raise Invalid(option, f"there is no column {name!r}; the file has {', '.join(available)}")


def _name(column: ir.Column) -> ir.StringColumn:
    text = column.cast("string")
    return (text == "").ifelse(ibis.null(str), text)


def _number(column: ir.Column, metric: Metric) -> tuple[ir.Column, ir.Column]:
    """The number in each cell (null: not measured), and the cell's text where there is none."""
    kind = column.type()
    if not (kind.is_numeric() or kind.is_boolean() or kind.is_string()):
        raise Invalid("--metric", f"column {metric.outcome!r} holds {kind}, not numbers or true/false")
    text = column.cast("string").strip().lower()
    measured = column.notnull() & text.notin(_NOT_MEASURED)
    if kind.is_string():
        number = ibis.cases((text.isin(_TRUE), 1.0), (text.isin(_FALSE), 0.0), else_=text.try_cast("float64"))
    elif kind.is_boolean():
        number = column.cast("int8").cast("float64")
    else:
        number = column.cast("float64")
    usable = number.notnull()
    if metric.kind is MetricKind.PROPORTION:
        usable &= number.isin((0.0, 1.0))
    value = (measured & usable).ifelse(number, ibis.null(float))
    wrong = (measured & ~usable).ifelse(column.cast("string"), ibis.null(str))
    return value, wrong


def _check(cells: ir.Table, columns: Columns) -> Exclusions:
    """Rows without unit or variant. Invalid: a cell that is no number, no rows, or too many variants."""
    counts: dict[str, Any] = {
        "rows": cells.count(),
        "missing_unit": cells.unit.isnull().sum(),
        "missing_variant": (cells.unit.notnull() & cells.variant.isnull()).sum(),
        "variants": cells.variant.nunique(),
    }
    for index, _ in enumerate(columns.metrics):
        counts[f"wrong{index}"] = cells[f"wrong{index}"].count()
        counts[f"example{index}"] = cells[f"wrong{index}"].min()
    (row,) = rows_of(cells.aggregate(**counts))
    if not row["rows"]:
        raise Invalid("FILE", "it has a header but no rows; one row per unit is needed")
    if row["variants"] > MOST_VARIANTS:
        problem = f"column {columns.variant!r} has {row['variants']:,} different values"
        raise Invalid("--variant", f"{problem}; a variant column has at most {MOST_VARIANTS}")
    for index, metric in enumerate(columns.metrics):
        if row[f"wrong{index}"]:
            raise _wrong_values(metric, row[f"example{index}"], row[f"wrong{index}"])
    return Exclusions(missing_unit=row["missing_unit"] or 0, missing_variant=row["missing_variant"] or 0)


def _wrong_values(metric: Metric, example: str, count: int) -> Invalid:
    wanted = "0, 1, TRUE or FALSE" if metric.kind is MetricKind.PROPORTION else "a number"
    rows = "1 row" if count == 1 else f"{count:,} rows"
    problem = f"column {metric.outcome!r} holds {example!r}, which is not {wanted} ({rows})"
    needed = f"a {metric.kind} needs {wanted} or an empty cell in every row"
    return Invalid("--metric", "; ".join(filter(None, (problem, value_hint(example), needed))))


def _arms(cells: ir.Table, columns: Columns) -> list[dict[str, Any]]:
    """Units and moments by fate (kept, duplicate, crossover), variant and, for crossovers, last variant."""
    whole = cells.filter(cells.unit.notnull() & cells.variant.notnull())
    values = [f"m{index}" for index, _ in enumerate(columns.metrics)]
    units = whole.group_by("unit").aggregate(
        variant=whole.variant.min(),
        last=whole.variant.max(),
        rows=whole.count(),
        **{name: whole[name].max() for name in values},
    )
    units = units.mutate(
        fate=ibis.cases(
            (units.variant != units["last"], "crossover"), (units.rows > 1, "duplicate"), else_="kept"
        )
    )
    moments = {key: value for name in values for key, value in moment_columns(units[name], name).items()}
    return rows_of(units.group_by("fate", "variant", "last").aggregate(units=units.count(), **moments))


def _aggregates(arms: list[dict[str, Any]], columns: Columns, missing: Exclusions) -> Aggregates:
    kept = {
        row["variant"]: row for row in sorted(arms, key=lambda row: row["variant"]) if row["fate"] == "kept"
    }
    exclusions = replace(
        missing, crossovers=_units(arms, "crossover"), duplicate_units=_units(arms, "duplicate")
    )
    seen = {row[end] for row in arms for end in ("variant", "last")}
    if alike := twins(seen):
        raise Invalid("--variant", f"variants {alike} in column {columns.variant!r}; write them alike")
    if not kept or len(kept) == 1 < len(seen):
        raise _nothing_left(sorted(seen - set(kept)) if kept else [], exclusions)
    return Aggregates(
        units={variant: row["units"] for variant, row in kept.items()},
        moments={
            metric.key: {variant: moments_in(row, f"m{index}") for variant, row in kept.items()}
            for index, metric in enumerate(columns.metrics)
        },
        exclusions=exclusions,
    )


def _nothing_left(variants: list[str], exclusions: Exclusions) -> Invalid:
    """Why nothing can be compared; ``variants`` are those left without units, empty where all are."""
    reasons = (
        (exclusions.duplicate_units, "unit", "with several rows"),
        (exclusions.crossovers, "unit", "in two variants"),
        (exclusions.missing_unit, "row", "without a unit"),
        (exclusions.missing_variant, "row", "without a variant"),
    )
    why = ", ".join(
        f"{count:,} {what if count == 1 else what + 's'} {rest}" for count, what, rest in reasons if count
    )
    whose = f" of {' and '.join(map(repr, variants))}" if variants else ""
    return Invalid("FILE", f"every unit{whose} was excluded: {why}; one row per unit is needed")


def _units(arms: list[dict[str, Any]], fate: str) -> int:
    return sum(row["units"] for row in arms if row["fate"] == fate)


def _first_lines(error: Exception) -> str:
    """What is wrong and where, without the engine's advice on its own options, nor its query."""
    lines = takewhile(lambda line: line.strip() and not line.startswith("LINE "), str(error).splitlines())
    return "; ".join(islice(lines, 3))
