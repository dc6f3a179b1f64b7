"""From events in the lake to a report: seconds and peak memory, each in a fresh process.

Run `python -m bench.analysis [--json FILE] [--events 1000000 10000000]`. Synthetic events: a tenth as many
units as events, two exposures a unit, the rest outcomes of three metrics, in Delta tables as the worker
writes them. At the smallest size the same report is made with pandas in the same run.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from experiments.aggregate import Scope, aggregate_files
from experiments.analysis import Aggregates, Question, analyse
from experiments.budget import Budget
from experiments.codec import to_json
from experiments.events.lake import Lake
from experiments.metrics import PerUnit, mean, proportion
from experiments.report import Exclusions, Window
from experiments.rule import DecisionRule
from experiments.stats.moments import Moments

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
DAYS: Final = 10
_CHUNK_UNITS: Final = 100_000
_VARIANTS: Final = ("v1", "v2")
_OUTCOMES: Final = ("click", "revenue", "latency")
_METRICS: Final = (proportion("click"), mean("revenue"), mean("latency", per_unit=PerUnit.MEAN, unit="s"))
_QUESTION: Final = Question(
    title="bench",
    unit="user",
    control="v1",
    planned={"v1": 1.0, "v2": 1.0},
    metrics=_METRICS,
    rule=DecisionRule(primary="click"),
)
_WINDOW: Final = Window(start=START, end=START + timedelta(days=DAYS))
_REPEATS: Final = 3


def write_events(folder: Path, events: int) -> None:
    """Fill a lake with so many events, day by day of each chunk of units."""
    lake, units = Lake(folder), events // 10
    for number, first in enumerate(range(0, units, _CHUNK_UNITS), start=1):
        count = min(_CHUNK_UNITS, units - first)
        for table, rows in _chunk(number, first, count).items():
            lake.append(table, rows, "bench", number)


def _chunk(number: int, first: int, count: int) -> dict[str, Any]:
    import numpy as np
    import pyarrow as pa

    from experiments.events.columns import SCHEMAS

    rng = np.random.default_rng(number)
    names = np.array([f"user-{unit:09d}" for unit in range(first, first + count)])
    arms = rng.integers(0, 2, count)
    entered = rng.integers(0, (DAYS - 1) * 86_400_000_000, count)

    def table(kind: str, owners: Any, offsets: Any, **columns: Any) -> Any:
        at = int(START.timestamp()) * 1_000_000 + entered[owners] + offsets
        size = len(owners)
        values = {
            "environment": pa.array(["demo/prod"]).take(pa.array(np.zeros(size, dtype=np.int32))),
            "unit": pa.array(names[owners]),
            "at": pa.array(at).cast(pa.timestamp("us", tz="UTC")),
            "day": pa.array((at // 86_400_000_000).astype(np.int32)).cast(pa.date32()),
            **columns,
        }
        schema = SCHEMAS[kind]
        arrays = [values.get(field.name, pa.nulls(size, field.type)) for field in schema]
        return pa.Table.from_arrays(arrays, schema=schema)

    exposed = np.repeat(np.arange(count), 2)
    acting = rng.integers(0, count, count * 8)
    which = rng.integers(0, 3, len(acting))
    values = np.select(
        [which == 0, which == 1],
        [rng.random(len(acting)) < 0.1 + 0.01 * arms[acting], rng.exponential(20, len(acting))],
        rng.lognormal(-2, 0.5, len(acting)),
    )
    pick = pa.array(["bench"])
    return {
        "exposures": table(
            "exposures",
            exposed,
            np.tile([0, 3_600_000_000], count),
            flag=pick.take(pa.array(np.zeros(len(exposed), dtype=np.int32))),
            rule=pick.take(pa.array(np.zeros(len(exposed), dtype=np.int32))),
            variant=pa.array(_VARIANTS).take(pa.array(arms[exposed])),
        ),
        "outcomes": table(
            "outcomes",
            acting,
            # Some outcomes come before the first exposure, and must not count.
            rng.integers(-3_600_000_000, 82_800_000_000, len(acting)),
            name=pa.array(_OUTCOMES).take(pa.array(which)),
            value=pa.array(values.astype(float)),
        ),
    }


def report_ours(folder: Path) -> dict[str, Any]:
    """The report as the worker makes it."""
    lake = Lake(folder)
    aggregates = aggregate_files(
        lake.files("exposures"),
        lake.files("outcomes"),
        Scope(environment="demo/prod", flag="bench", rule="bench", window=_WINDOW),
        _METRICS,
        variants=_VARIANTS,
        budget=Budget(spill=folder / "spill"),
    )
    return to_json(analyse(_QUESTION, aggregates, now=_WINDOW.end))


def report_pandas(folder: Path) -> dict[str, Any]:
    """The same report by pandas group-bys, as one would write them by hand."""
    import pandas as pd  # type: ignore[import-untyped]  # it brings no types of its own

    lake = Lake(folder)
    frames = {
        name: pd.concat([pd.read_parquet(file) for file in lake.files(name)], ignore_index=True)
        for name in ("exposures", "outcomes")
    }
    exposed = (
        frames["exposures"]
        .groupby("unit")
        .agg(variant=("variant", "min"), last=("variant", "max"), first=("at", "min"))
    )
    kept = exposed[exposed["variant"] == exposed["last"]]
    joined = frames["outcomes"].join(kept, on="unit", how="inner")
    after = joined[joined["at"] >= joined["first"]]
    moments: dict[str, dict[str, Moments]] = {}
    for metric in _METRICS:
        mine = after[after["name"] == metric.outcome].groupby("unit")["value"]
        per_unit = {PerUnit.ANY: mine.max, PerUnit.SUM: mine.sum, PerUnit.MEAN: mine.mean}[metric.per_unit]()
        totals = kept[["variant"]].join(per_unit)
        if metric.per_unit is not PerUnit.MEAN:
            totals["value"] = totals["value"].fillna(0.0)
        moments[metric.key] = {
            str(variant): Moments(
                n=int(values.count()),
                mean=float(values.mean()),
                m2=float(values.var(ddof=0) * values.count()),
            )
            for variant, values in totals.groupby("variant")["value"]
        }
    units = {str(variant): int(count) for variant, count in kept["variant"].value_counts().items()}
    aggregates = Aggregates(
        units=units, moments=moments, exclusions=Exclusions(crossovers=len(exposed) - len(kept))
    )
    return to_json(analyse(_QUESTION, aggregates, now=_WINDOW.end))


_WAYS: Final[dict[str, Callable[[Path], dict[str, Any]]]] = {
    "pointsman": report_ours,
    "pandas": report_pandas,
}


def measure_here(way: str, folder: Path) -> dict[str, Any]:
    """Seconds to the report and the process's peak memory in MB, the imports' included."""
    started = time.perf_counter()
    report = _WAYS[way](folder)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    treated = report["metrics"]["revenue"]["v2"]
    return {
        "seconds": seconds,
        "peak_mb": peak,
        "check": [report["units"], treated["n"], round(treated["difference"], 9)],
    }


def measure(way: str, folder: Path) -> dict[str, Any]:
    """The median by time of a few fresh processes."""
    runs = [_fresh(way, folder) for _ in range(_REPEATS)]
    return sorted(runs, key=lambda run: float(run["seconds"]))[len(runs) // 2]


def _fresh(way: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.analysis", "--measure", way, str(folder)],
        capture_output=True,
        check=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def run(sizes: list[int]) -> dict[str, Any]:
    """Every size our way, and the smallest with pandas too; RuntimeError if the two disagree."""
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="pointsman-bench-") as scratch:
        for events in sizes:
            folder = Path(scratch, str(events))
            write_events(folder, events)
            ways = ("pointsman", "pandas") if events == min(sizes) else ("pointsman",)
            results[str(events)] = {way: measure(way, folder) for way in ways}
            checks = [found["check"] for found in results[str(events)].values()]
            if any(check != checks[0] for check in checks):
                raise RuntimeError(f"pandas gives another report at {events} events: {checks}")
    return {"machine": _machine(), "results": results}


def _machine() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores"


def _print(measured: dict[str, Any]) -> None:
    print(f"{measured['machine']}; median of {_REPEATS} fresh processes")
    print(f"{'events':>12}  {'by':10}{'seconds':>9}{'peak MB':>9}")
    for events, ways in measured["results"].items():
        for way, found in ways.items():
            print(f"{int(events):>12,}  {way:10}{found['seconds']:>9.2f}{found['peak_mb']:>9.0f}")


def main() -> None:
    """Measure and print; with --json also write the numbers."""
    parser = argparse.ArgumentParser(description="From events to a report: seconds and peak memory.")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        way, folder = arguments.measure
        print(json.dumps(measure_here(way, Path(folder))))
        return
    measured = run(arguments.events)
    _print(measured)
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
