"""From moments to a report: every comparison, the trust checks, the verdict. PURE."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from experiments.decisions import decide
from experiments.metrics import Metric, MetricKind
from experiments.report import Comparison, Exclusions, Expected, Findings, MetricReport, Report, Window
from experiments.rule import DecisionRule
from experiments.stats import proportions
from experiments.stats.means import fieller, welch
from experiments.stats.moments import EMPTY, Moments
from experiments.stats.proportions import Tally
from experiments.stats.results import Estimate, NotEstimable
from experiments.stats.sequential import Sequence as ConfidenceSequence
from experiments.stats.sequential import always_valid
from experiments.stats.srm import SampleRatio, sample_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the data: fixed before anyone looks at them."""

    title: str
    unit: str
    control: str
    planned: Mapping[str, float]
    """Weights by variant, positive, on any scale; control among them."""
    metrics: Sequence[Metric]
    rule: DecisionRule
    expected: Expected | None = None
    """What the sample-ratio check expects; None: the planned split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregates:
    """What the data come down to: tens of rows, whatever they were."""

    units: Mapping[str, int]
    """Units by variant, exclusions already left out."""
    moments: Mapping[str, Mapping[str, Moments]]
    """By metric key, then variant. A pair that is absent has no units."""
    exclusions: Exclusions


def analyse(
    question: Question,
    aggregates: Aggregates,
    *,
    now: datetime,
    window: Window | None = None,
    final: bool = False,
    lag_s: float = 0.0,
) -> Report:
    """The report. ``final``: no more data will come, so an open question is inconclusive.

    ``lag_s``: how long acknowledged events have been waiting that these aggregates lack.
    ValueError: control is not planned, or a planned weight is not a positive finite number.
    """
    if question.control not in question.planned:
        raise ValueError(f"control {question.control!r} is not in the planned split")
    findings = replace(_findings(question, aggregates), lag_s=lag_s)
    return Report(
        **{field.name: getattr(findings, field.name) for field in fields(findings)},
        rule=question.rule,
        verdict=decide(question.rule, findings, final=final),
        generated_at=now,
        window=window,
    )


def _findings(question: Question, aggregates: Aggregates) -> Findings:
    others = [variant for variant in question.planned if variant != question.control]
    variants = [question.control, *others]
    units = {variant: aggregates.units.get(variant, 0) for variant in variants}
    weight = sum(question.planned.values())
    planned = {variant: question.planned[variant] / weight for variant in variants}
    expected = question.expected or Expected(shares=planned)
    sequence = ConfidenceSequence(alpha=question.rule.alpha, tuned_for=question.rule.tuned_for)
    return Findings(
        title=question.title,
        unit=question.unit,
        control=question.control,
        units=units,
        planned=planned,
        expected=expected,
        metrics={
            metric.key: _metric_report(metric, variants, aggregates.moments.get(metric.key, {}), sequence)
            for metric in question.metrics
        },
        srm=_sample_ratio(units, question, expected),
        exclusions=aggregates.exclusions,
    )


def _sample_ratio(
    units: Mapping[str, int], question: Question, expected: Expected
) -> SampleRatio | NotEstimable:
    """Against the plan's own weights where nothing was taken from them: thirds are exact only as weights."""
    if not expected.taken:
        return sample_ratio(units, {variant: question.planned[variant] for variant in units})
    if starved := [variant for variant in units if not expected.shares[variant] > 0.0]:
        reason = "an earlier split keeps whoever comes, until asked for, out of " + " and ".join(starved)
        return NotEstimable(reason=reason)
    return sample_ratio(units, {variant: expected.shares[variant] for variant in units})


def _metric_report(
    metric: Metric, variants: Sequence[str], moments: Mapping[str, Moments], sequence: ConfidenceSequence
) -> MetricReport:
    control, *challengers = variants
    base = moments.get(control, EMPTY)
    compared = {
        variant: compare(metric, base, moments.get(variant, EMPTY), sequence) for variant in challengers
    }
    return MetricReport(metric=metric, variants={control: _alone(base), **compared})


def compare(metric: Metric, control: Moments, treatment: Moments, sequence: ConfidenceSequence) -> Comparison:
    """Treatment against control by the fixed-horizon test of the metric's kind and by the sequence."""
    difference, relative = _fixed(metric.kind, control, treatment, alpha=sequence.alpha)
    valid = always_valid(control, treatment, sequence)
    valid_relative = valid if isinstance(valid, NotEstimable) else valid.relative
    test = difference if isinstance(difference, NotEstimable) else difference.test
    alone = _alone(treatment)
    reasons = dict(alone.not_estimable)
    for names, answer in (
        (("difference", "ci"), difference),
        (("statistic", "p_value"), test),
        (("relative", "relative_ci"), relative),
        (("always_valid_ci", "always_valid_p_value"), valid),
        (("always_valid_relative_ci",), valid_relative),
    ):
        if isinstance(answer, NotEstimable):
            reasons.update(dict.fromkeys(names, answer.reason))
    return Comparison(
        n=alone.n,
        mean=alone.mean,
        difference=None if isinstance(difference, NotEstimable) else difference.value,
        ci=None if isinstance(difference, NotEstimable) else difference.interval,
        relative=None if isinstance(relative, NotEstimable) else relative.value,
        relative_ci=None if isinstance(relative, NotEstimable) else relative.interval,
        statistic=None if isinstance(test, NotEstimable) else test.statistic,
        p_value=None if isinstance(test, NotEstimable) else test.p_value,
        method=None if isinstance(difference, NotEstimable) else difference.method,
        always_valid_ci=None if isinstance(valid, NotEstimable) else valid.interval,
        always_valid_p_value=None if isinstance(valid, NotEstimable) else valid.p_value,
        always_valid_relative_ci=None if isinstance(valid_relative, NotEstimable) else valid_relative,
        not_estimable=reasons,
    )


def _fixed(
    kind: MetricKind, control: Moments, treatment: Moments, *, alpha: float
) -> tuple[Estimate | NotEstimable, Estimate | NotEstimable]:
    if kind is MetricKind.MEAN:
        return welch(control, treatment, alpha=alpha), fieller(control, treatment, alpha=alpha)
    tallies = Tally.of(control), Tally.of(treatment)
    base, treated = tallies
    if isinstance(base, NotEstimable):
        return base, base
    if isinstance(treated, NotEstimable):
        return treated, treated
    return (
        proportions.difference(base, treated, alpha=alpha),
        proportions.relative(base, treated, alpha=alpha),
    )


def _alone(moments: Moments) -> Comparison:
    if moments.n == 0:
        return Comparison(n=0, mean=None, not_estimable={"mean": "no units were measured"})
    if not moments.finite:
        reason = "the values hold infinities or are too large"
        return Comparison(n=moments.n, mean=None, not_estimable={"mean": reason})
    return Comparison(n=moments.n, mean=moments.mean)
