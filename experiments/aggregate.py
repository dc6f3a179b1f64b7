"""The platform's analysis as one plan: first exposure, per-unit totals after it, moments.

Whatever the number of events, a handful of rows per variant reaches Python. The plan is Ibis over two
tables, so it runs wherever Ibis does; here DuckDB reads the lake's parquet files.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import ibis
from ibis import ir

from experiments.analysis import Aggregates
from experiments.budget import Budget
from experiments.engine import connected, moment_columns, moments_in, rows_of
from experiments.metrics import Metric, PerUnit
from experiments.report import Exclusions, Window
from flags.earlier import EarlierSplit

EXPOSURES: Final = ibis.schema(
    {
        "environment": "string",
        "flag": "string",
        "unit": "string",
        "variant": "string",
        "rule": "string",
        "revision": "int64",
        "at": "timestamp('UTC', 6)",
    }
)
OUTCOMES: Final = ibis.schema(
    {
        "environment": "string",
        "unit": "string",
        "name": "string",
        "value": "float64",
        "at": "timestamp('UTC', 6)",
    }
)


class _Fate(StrEnum):
    """What becomes of a unit."""

    COUNTED = "counted"
    CROSSED = "crossed"
    """Seen in two variants."""
    BEFORE = "before"
    """An earlier split drew it, or it was taken for such."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose events count: one rule of one flag in one environment, in a window.

    Exposures of other rules, of the default and of the off variant belong to no experiment. Units that an
    ``earlier`` split of the rule drew, or that are kept by one, were not randomised by the present one: they
    are left out, whatever they are served. ADR 8.
    """

    environment: str
    """As the event tables spell it: ``project/environment``."""
    flag: str
    rule: str
    window: Window
    earlier: EarlierSplit | None = None


def aggregate_files(
    exposures: Sequence[str],
    outcomes: Sequence[str],
    scope: Scope,
    metrics: Sequence[Metric],
    *,
    variants: Collection[str],
    budget: Budget | None = None,
) -> Aggregates:
    """Aggregates of parquet files; no files are no events. ``variants``: the planned ones.

    duckdb.Error: a file cannot be read, or the work fits neither memory nor disk.
    """
    with connected(budget or Budget()) as connection:
        plan = moments_plan(
            _table(connection, exposures, EXPOSURES), _table(connection, outcomes, OUTCOMES), scope, metrics
        )
        return _aggregates(rows_of(plan), metrics, variants)


def moments_plan(
    exposures: ir.Table, outcomes: ir.Table, scope: Scope, metrics: Sequence[Metric]
) -> ir.Table:
    """One row per variant and fate: units, and moments by metric's position (``m0_n``, ``m0_mean``, …).

    A unit counts once, from its first exposure in the window; outcomes count from that instant on, to the
    window's end. A unit exposed to two variants is ``crossed``; since it is left out whole, it does not
    matter which exposure was first, and ties need no rule.
    """
    first = _first_exposures(exposures, scope)
    totals = _totals(first, outcomes, scope, metrics)
    joined = first.left_join(totals, first.unit == totals.owner)
    units = joined.select(
        "variant",
        "fate",
        "late",
        **{f"m{index}": _value(joined, index, metric) for index, metric in enumerate(metrics)},
    )
    moments: dict[str, Any] = {}
    for index, _ in enumerate(metrics):
        moments |= moment_columns(units[f"m{index}"], f"m{index}")
    return units.group_by("variant", "fate").aggregate(units=units.count(), late=units.late.sum(), **moments)


def _first_exposures(exposures: ir.Table, scope: Scope) -> ir.Table:
    """One row a unit seen in the window: its variant, its fate, and when it was first drawn there."""
    start, end = ibis.literal(scope.window.start), ibis.literal(scope.window.end)
    kept = exposures.rule.startswith(f"{scope.rule}@")
    mine = exposures.filter(
        exposures.environment == scope.environment,
        exposures.flag == scope.flag,
        (exposures.rule == scope.rule) | kept,
        exposures["at"] < end,
    )
    if scope.earlier is None:  # Then what was before the window need not be read.
        mine = mine.filter(mine["at"] >= start)
    seen, drawn = mine["at"] >= start, mine.rule == scope.rule
    former, late = _of_earlier(mine, scope.earlier)
    units = mine.group_by("unit").aggregate(
        variant=mine.variant.min(where=seen),
        last=mine.variant.max(where=seen),
        first_at=mine["at"].min(where=seen & drawn),
        before=former.max(),
        late=late.max(),
    )
    units = units.filter(units.variant.notnull())
    before = units.before | units.first_at.isnull()
    fate = ibis.cases(
        (units.variant != units["last"], _Fate.CROSSED), (before, _Fate.BEFORE), else_=_Fate.COUNTED
    )
    return units.select("unit", "variant", "first_at", "late", fate=fate)


def _of_earlier(mine: ir.Table, earlier: EarlierSplit | None) -> tuple[Any, Any]:
    """Whether an exposure is the earlier split's, and whether it came after that had changed."""
    if earlier is None:
        return ibis.literal(False) & mine.unit.isnull(), ibis.literal(False) & mine.unit.isnull()
    began = ibis.literal(earlier.began)
    former = mine.revision.notnull().ifelse(mine.revision < earlier.revision, mine["at"] < began)
    return former, former & (mine["at"] >= began)


def _totals(first: ir.Table, outcomes: ir.Table, scope: Scope, metrics: Sequence[Metric]) -> ir.Table:
    """Each unit's totals of what it did at or after its first exposure."""
    end = ibis.literal(scope.window.end)
    start = ibis.literal(scope.window.start)
    mine = outcomes.filter(
        outcomes.environment == scope.environment,
        outcomes.name.isin(sorted({metric.outcome for metric in metrics})),
        outcomes["at"] >= start,
        outcomes["at"] < end,
    )
    after = mine.inner_join(first, [mine.unit == first.unit, mine["at"] >= first.first_at])
    after = after.select(owner=mine.unit, name=mine.name, value=mine.value)
    return after.group_by("owner").aggregate(
        **{f"t{index}": _total(after, metric) for index, metric in enumerate(metrics)}
    )


def _total(after: ir.Table, metric: Metric) -> Any:
    of_metric = after.name == metric.outcome
    if metric.per_unit is PerUnit.ANY:
        return (after.value > 0).cast("int8").max(where=of_metric)
    if metric.per_unit is PerUnit.SUM:
        return after.value.sum(where=of_metric)
    return after.value.mean(where=of_metric)


def _value(joined: ir.Table, index: int, metric: Metric) -> Any:
    """The unit's number: without outcomes 0 for a sum or a success, not measured for a mean."""
    total = joined[f"t{index}"].cast("float64")
    return total if metric.per_unit is PerUnit.MEAN else total.fill_null(0.0)


def _table(connection: Any, files: Sequence[str], schema: ibis.Schema) -> ir.Table:
    if not files:
        return ibis.memtable(schema.to_pyarrow().empty_table())
    # The lake's folders repeat the day of the events, which the events themselves tell exactly.
    return connection.read_parquet(list(files), hive_partitioning=False)


def _aggregates(
    rows: Sequence[Mapping[str, Any]], metrics: Sequence[Metric], variants: Collection[str]
) -> Aggregates:
    counted = [row for row in rows if row["fate"] == _Fate.COUNTED]
    kept = {row["variant"]: row for row in counted if row["variant"] in variants}
    return Aggregates(
        units={variant: row["units"] for variant, row in kept.items()},
        moments={
            metric.key: {variant: moments_in(row, f"m{index}") for variant, row in kept.items()}
            for index, metric in enumerate(metrics)
        },
        exclusions=Exclusions(
            crossovers=_units(rows, _Fate.CROSSED),
            enrolled_before=_units(rows, _Fate.BEFORE),
            late=sum(int(row["late"] or 0) for row in rows),
            unplanned=sum(row["units"] for row in counted if row["variant"] not in variants),
        ),
    )


def _units(rows: Sequence[Mapping[str, Any]], fate: str) -> int:
    return sum(row["units"] for row in rows if row["fate"] == fate)
