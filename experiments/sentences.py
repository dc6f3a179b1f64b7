"""Numbers and results in words, with their unit and their interval. PURE."""

import math

from experiments.metrics import Metric, MetricKind
from experiments.report import Comparison, Report, Tone
from experiments.rule import Method
from experiments.stats.results import Interval

_DIGITS = 4
POINTS = "percentage points"
_SAYS = {
    Tone.BETTER: "It excludes zero: {variant} is better.",
    Tone.WORSE: "It excludes zero: {variant} is worse.",
    Tone.UNCLEAR: "It includes zero, so the difference may be chance.",
}


def number(value: float) -> str:
    """Four significant digits, thousands separated; an exponent only below 0.0001 and from 10¹⁵ on."""
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if not -4 <= magnitude < 15:
        return _minus(f"{value:.{_DIGITS - 1}e}")
    return _minus(f"{value:,.{max(0, _DIGITS - 1 - magnitude)}f}")


def share(value: float) -> str:
    """A share of one as a percentage: ``18.20 %``."""
    return _minus(f"{100 * value:.2f} %")


def fine_share(value: float) -> str:
    """A share of one to a ten-thousandth of a percent: ``79.9928 %``."""
    return f"{100 * value:.4f} %"


def signed_share(value: float) -> str:
    """A relative difference: ``+4.31 %``."""
    return _minus(f"{100 * value:+.2f} %")


def level(metric: Metric, value: float) -> str:
    """A variant's mean on this metric, with its unit."""
    if metric.kind is MetricKind.PROPORTION:
        return share(value)
    return f"{number(value)} {metric.unit}".rstrip()


def probability(value: float) -> str:
    """A p-value as ``= 0.0016``; below 0.0001 nobody needs the digits: ``< 0.0001``."""
    return "< 0.0001" if value < 0.0001 else f"= {value:.4f}"


def amount(metric: Metric, value: float, points: str = POINTS) -> str:
    """The size of a difference on this metric, without a sign, with its unit."""
    if metric.kind is MetricKind.PROPORTION:
        return f"{100 * abs(value):.2f} {points}"
    return f"{number(abs(value))} {metric.unit}".rstrip()


def span(metric: Metric, interval: Interval, points: str = POINTS) -> str:
    """An interval of differences: ``−1.68 to +0.04 percentage points``."""
    if metric.kind is MetricKind.PROPORTION:
        low, high = (_minus(f"{100 * end:+.2f}") for end in (interval.low, interval.high))
        return f"{low} to {high} {points}"
    return f"{_signed(interval.low)} to {_signed(interval.high)} {metric.unit}".rstrip()


def sentence(report: Report, metric: str, variant: str) -> str:
    """What this variant did to this metric, in words. KeyError: no such metric or variant."""
    found = report.metrics[metric]
    treated, control = found.variants[variant], found.variants[report.control]
    interval = treated.interval(report.rule.method)
    if treated.difference is None or treated.mean is None or control.mean is None or interval is None:
        reason = _first_reason(treated)
        return f"{metric}: {variant} cannot be compared with {report.control}: {reason}."
    confidence = f"{100 * (1 - report.rule.alpha):.10g}"
    kind = "always-valid" if report.rule.method is Method.ALWAYS_VALID else "fixed-horizon"
    says = _SAYS[report.tone(metric, variant)].format(variant=variant)
    return (
        f"{metric}: {level(found.metric, treated.mean)} with {variant} against "
        f"{level(found.metric, control.mean)} with {report.control}, {_change(found.metric, treated)}; "
        f"the {confidence} % {kind} interval of the difference runs from "
        f"{span(found.metric, interval)}. {says}"
    )


def sentences(report: Report) -> dict[str, dict[str, str]]:
    """Every sentence, by metric and challenger."""
    return {
        metric: {variant: sentence(report, metric, variant) for variant in report.challengers}
        for metric in report.metrics
    }


def _change(metric: Metric, treated: Comparison) -> str:
    difference = treated.difference or 0.0
    if difference == 0.0:
        return "no difference"
    relative = "" if treated.relative is None else f" ({signed_share(treated.relative)})"
    return f"{amount(metric, difference)} {'higher' if difference > 0 else 'lower'}{relative}"


def _first_reason(treated: Comparison) -> str:
    fields = ("difference", "always_valid_ci", "ci")
    return next(treated.not_estimable[field] for field in fields if field in treated.not_estimable)


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value)


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
