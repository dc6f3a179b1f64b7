"""DuckDB behind Ibis: bounded memory, spill to disk, and moments as columns of a plan.

Importing this costs a second of Ibis: only analyses do, inside functions.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, Final

import ibis
from ibis import ir

from experiments.budget import Budget
from experiments.stats.moments import EMPTY, LARGEST, Moments


@contextmanager
def connected(budget: Budget) -> Iterator[Any]:
    """A DuckDB of its own, in memory, closed afterwards; what it spilled goes with it."""
    if budget.spill is not None:
        budget.spill.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="pointsman-", dir=budget.spill) as folder:
        options: dict[str, Any] = {
            "memory_limit": budget.memory,
            "temp_directory": folder,
            # The order of rows means nothing to us, and keeping it costs memory.
            "preserve_insertion_order": False,
            # Nothing is ever fetched: an extension that is not there is an error, not a download.
            "autoinstall_known_extensions": False,
        }
        if budget.threads is not None:
            options["threads"] = budget.threads
        connection = ibis.duckdb.connect(**options)
        try:
            yield connection
        finally:
            connection.disconnect()


@ibis.udf.agg.builtin(name="favg")  # type: ignore[untyped-decorator]  # Ibis declares no type here
def _exact_mean(x: float) -> float:  # type: ignore[empty-body]  # DuckDB's own function, only declared
    """DuckDB's mean with Kahan's compensated sum: plain avg() loses digits at a mean of 1e9."""


_SHORT: Final = ("n", "mean", "m2", "wild")


def moment_columns(value: ir.NumericColumn, name: str) -> dict[str, Any]:
    """Aggregates that `moments_in` reads back: n, mean and M2 in one pass, and values beyond squaring.

    DuckDB's var_pop is Welford's (1962) recurrence, merged by Chan's formula: stable where a sum of squares
    is not. Nulls are not measured.
    """
    fits = value.abs() <= LARGEST
    tame = fits.ifelse(value, ibis.null(float))
    return {
        f"{name}_n": tame.count(),
        f"{name}_mean": _exact_mean(tame),
        f"{name}_m2": tame.var(how="pop") * tame.count(),
        f"{name}_wild": (value.notnull() & ~fits).sum(),
    }


def moments_in(row: Mapping[str, Any], name: str) -> Moments:
    """The moments that `moment_columns` put in this row."""
    n, mean, m2, wild = (row[f"{name}_{part}"] for part in _SHORT)
    if wild:
        return Moments(n=n + wild, mean=math.nan, m2=math.nan)
    return EMPTY if not n else Moments(n=n, mean=mean, m2=max(0.0, m2))


def rows_of(plan: ir.Table) -> list[dict[str, Any]]:
    """Run the plan; its rows as dicts of Python values. duckdb.Error: it could not be run."""
    found: list[dict[str, Any]] = plan.to_pyarrow().to_pylist()
    return found
