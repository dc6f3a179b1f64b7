"""The report's numbers as CSV, with all their digits; an empty cell is a number that cannot be given."""

import csv
import io
from typing import Final

from experiments.report import Comparison, Report
from experiments.stats.results import Interval

HEADER: Final = (
    "metric",
    "kind",
    "variant",
    "is_control",
    "n",
    "mean",
    "difference",
    "relative",
    "ci_low",
    "ci_high",
    "relative_ci_low",
    "relative_ci_high",
    "p_value",
    "statistic",
    "method",
    "always_valid_ci_low",
    "always_valid_ci_high",
    "always_valid_relative_ci_low",
    "always_valid_relative_ci_high",
    "always_valid_p_value",
    "alpha",
    "not_estimable",
)


def to_csv(report: Report) -> str:
    """One row per metric and variant, control included."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for key, entry in report.metrics.items():
        for variant, found in entry.variants.items():
            where = (key, entry.metric.kind, variant, str(variant == report.control).lower())
            writer.writerow((*where, *_numbers(found), report.rule.alpha, _reasons(found)))
    return out.getvalue()


def _numbers(found: Comparison) -> tuple[object, ...]:
    return (
        found.n,
        found.mean,
        found.difference,
        found.relative,
        *_ends(found.ci),
        *_ends(found.relative_ci),
        found.p_value,
        found.statistic,
        found.method,
        *_ends(found.always_valid_ci),
        *_ends(found.always_valid_relative_ci),
        found.always_valid_p_value,
    )


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (interval.low, interval.high)


def _reasons(found: Comparison) -> str:
    return "; ".join(dict.fromkeys(found.not_estimable.values()))
