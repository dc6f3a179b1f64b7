"""The report as rows of words: what stands behind every plot, in pages and terminals alike. PURE."""

from dataclasses import dataclass

from experiments.metrics import Metric
from experiments.report import Comparison, Report, Tone
from experiments.sentences import amount, fine_share, level, number, probability, signed_share, span
from experiments.stats.results import Interval, NotEstimable

NOTHING = "\N{EM DASH}"
_POINTS = "pp"  # in a narrow column; sentences spell them out


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One metric in one variant, in words; an em dash where there is no number."""

    metric: str
    variant: str
    n: str
    mean: str
    difference: str
    relative: str
    always_valid_ci: str
    always_valid_p_value: str
    ci: str
    p_value: str
    method: str
    tone: Tone
    note: str
    """Why numbers are absent; empty where none is."""


HEADINGS = {
    "metric": "Metric",
    "variant": "Variant",
    "n": "Units",
    "mean": "Mean",
    "difference": "Difference",
    "relative": "Relative",
    "always_valid_ci": "Always-valid interval",
    "always_valid_p_value": "Always-valid p",
    "ci": "Interval, one look",
    "p_value": "p, one look",
    "method": "Method, one look",
}


def rows(report: Report) -> list[Row]:
    """Control first, then the challengers, for each metric in order."""
    return [
        _row(report, key, variant, found)
        for key, entry in report.metrics.items()
        for variant, found in entry.variants.items()
    ]


def _row(report: Report, key: str, variant: str, found: Comparison) -> Row:
    metric, control = report.metrics[key].metric, variant == report.control
    return Row(
        metric=key,
        variant=f"{variant} (control)" if control else variant,
        n=f"{found.n:,}",
        mean=NOTHING if found.mean is None else level(metric, found.mean),
        difference=NOTHING if found.difference is None else _signed(metric, found.difference),
        relative=NOTHING if found.relative is None else signed_share(found.relative),
        always_valid_ci=NOTHING
        if found.always_valid_ci is None
        else span(metric, found.always_valid_ci, _POINTS),
        always_valid_p_value=_p(found.always_valid_p_value),
        ci=_span(metric, found.ci),
        p_value=_p(found.p_value),
        method=found.method or NOTHING,
        tone=Tone.UNCLEAR if control else report.tone(key, variant),
        note="; ".join(dict.fromkeys(found.not_estimable.values())),
    )


def _signed(metric: Metric, difference: float) -> str:
    sign = "+" if difference > 0 else "\N{MINUS SIGN}" if difference < 0 else ""
    return sign + amount(metric, difference, _POINTS)


def _span(metric: Metric, interval: Interval | None) -> str:
    return NOTHING if interval is None else span(metric, interval, _POINTS)


def _p(value: float | None) -> str:
    return NOTHING if value is None else probability(value).removeprefix("= ")


def trust(report: Report) -> list[str]:
    """The trust checks and everything excluded, one sentence each."""
    srm = report.srm
    counts = ", ".join(f"{variant} {units:,}" for variant, units in report.units.items())
    lines = [f"Units analysed: {counts}."]
    if isinstance(srm, NotEstimable):
        lines.append(f"Sample ratio: not checked, {srm.reason}.")
    else:
        fits = "does NOT fit" if srm.alarm else "fits"
        lines.append(
            f"Sample ratio: {fits} the planned split (χ² = {number(srm.chi2)}, p {probability(srm.p_value)}; "
            "alarm below 0.001)."
        )
    if report.expected.taken:
        shares = ", ".join(
            f"{variant} {fine_share(part)}" for variant, part in report.expected.shares.items()
        )
        lines.append(
            f"Expected shares: {shares}. That is the planned split without the newcomers "
            f"({fine_share(report.expected.taken)} of all) that an earlier split of the sticky flag keeps by "
            "mistake."
        )
    for key, entry in report.metrics.items():
        lines += [
            f"Measured: {key} for {found.n:,} of {report.units[variant]:,} units of {variant}."
            for variant, found in entry.variants.items()
            if found.n < report.units[variant]
        ]
    if report.lag_s > 0:
        lines.append(f"Waiting: an event that is not in these numbers yet came {report.lag_s:.0f} s before.")
    excluded = report.exclusions
    for count, words in (
        (excluded.crossovers, "units seen in two variants"),
        (excluded.duplicate_units, "units with several rows"),
        (excluded.missing_unit, "rows without a unit"),
        (excluded.missing_variant, "rows without a variant"),
        (excluded.unplanned, "units in a variant outside the plan"),
        (excluded.enrolled_before, "units that were enrolled before, by an earlier split of the sticky flag"),
    ):
        if count:
            lines.append(f"Excluded: {count:,} {words}.")
    if excluded.late:
        lines.append(f"Late: {excluded.late:,} of those excluded met the earlier split after it had changed.")
    return lines
