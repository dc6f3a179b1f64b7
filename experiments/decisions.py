"""From findings to a verdict, by the rule that was written down before. PURE."""

from typing import Final

from experiments.metrics import Direction, Metric
from experiments.report import Comparison, Decision, Findings, Tone, Verdict
from experiments.rule import DecisionRule, Guardrail, Method
from experiments.sentences import amount, number, probability, share
from experiments.stats.measured import p_value_of_difference
from experiments.stats.results import Interval
from experiments.stats.srm import ALARM_BELOW, SampleRatio

__all__ = ["CROSSOVER_LIMIT", "LAG_LIMIT_S", "LEAST_UNITS", "DecisionRule", "Guardrail", "Method", "decide"]

# Units in two variants are excluded; above this share of all units, who was excluded may itself be an
# effect of the variants. GrowthBook warns at the same 1 %.
CROSSOVER_LIMIT: Final = 0.01

# Intervals rest on the central limit theorem: below this many units in an arm they mean nothing yet, and
# not even harm is believed.
LEAST_UNITS: Final = 30

# The worker takes events on within seconds. Acknowledged ones that wait this long mean that something is
# broken, and nobody knows what they will say.
LAG_LIMIT_S: Final = 600.0

# Of several challengers, the one to act on: a winner replaces a loser too.
_PRECEDENCE: Final = (
    Decision.SHIP,
    Decision.ROLL_BACK,
    Decision.KEEP_RUNNING,
    Decision.INCONCLUSIVE,
)


def decide(rule: DecisionRule, findings: Findings, *, final: bool = False) -> Verdict:
    """Ship, roll back, keep running or inconclusive, with the reason and what is missing.

    ``final``: no more data will come, so what is undecided is inconclusive. Untrustworthy data give no
    verdict (law 5): sample-ratio mismatch, more than 1 % of units in two variants. Missing data never pass:
    a primary metric or guardrail without an estimate leaves the question open.
    """
    undecided = Decision.INCONCLUSIVE if final else Decision.KEEP_RUNNING
    if not sum(findings.units.values()) + findings.exclusions.crossovers:
        return Verdict(decision=undecided, reason="no units have been seen yet", missing=("units",))
    if problem := _distrust(findings) or _missing_unevenly(rule, findings):
        return Verdict(decision=Decision.INCONCLUSIVE, reason=problem, trusted=False)
    if rule.primary not in findings.metrics:
        reason = f"the primary metric {rule.primary} is not in the data"
        return Verdict(decision=undecided, reason=reason, missing=(rule.primary,))
    verdicts = [
        (_gain(rule, findings, variant), _judge(rule, findings, variant, undecided))
        for variant in findings.challengers
    ]
    return min(verdicts, key=lambda pair: (_PRECEDENCE.index(pair[1].decision), -pair[0]))[1]


def _gain(rule: DecisionRule, findings: Findings, variant: str) -> float:
    primary = findings.metrics[rule.primary]
    difference = primary.variants[variant].difference
    return 0.0 if difference is None else primary.metric.direction.gain(difference)


def _distrust(findings: Findings) -> str | None:
    srm, crossovers = findings.srm, findings.exclusions.crossovers
    seen = sum(findings.units.values()) + crossovers + findings.exclusions.enrolled_before
    if findings.lag_s > LAG_LIMIT_S:
        return (
            f"acknowledged events have been waiting for {findings.lag_s / 60:.0f} minutes and are not in "
            "these numbers; see that the worker gets on"
        )
    if not findings.challengers:
        return "there is no second variant to compare control with"
    if isinstance(srm, SampleRatio) and srm.alarm:
        counts = ", ".join(f"{variant} {units:,}" for variant, units in srm.observed.items())
        return (
            f"sample-ratio mismatch: {counts} units do not fit the planned split "
            f"(p {probability(srm.p_value)}), so units were lost or misdirected "
            "and no comparison can be trusted"
        )
    if crossovers > CROSSOVER_LIMIT * seen:
        return (
            f"{crossovers:,} of {seen:,} units ({share(crossovers / seen)}) were seen in two variants, "
            f"more than {share(CROSSOVER_LIMIT)}: assignment is not sticky, so no comparison can be trusted"
        )
    return None


def _missing_unevenly(rule: DecisionRule, findings: Findings) -> str | None:
    """In words, if a metric that decides is measured for a different share of units in each arm."""
    for key in (rule.primary, *(guardrail.metric for guardrail in rule.guardrails)):
        if key not in findings.metrics:
            continue
        measured = {variant: found.n for variant, found in findings.metrics[key].variants.items()}
        p_value = p_value_of_difference(measured, findings.units)
        if p_value is not None and p_value < ALARM_BELOW:
            counts = ", ".join(
                f"{count:,} of {findings.units[variant]:,} units of {variant}"
                for variant, count in measured.items()
            )
            return (
                f"{key} was measured for {counts} (p {probability(p_value)}): what keeps it from being "
                "measured differs between the variants, so no comparison can be trusted"
            )
    return None


def _judge(rule: DecisionRule, findings: Findings, variant: str, undecided: Decision) -> Verdict:
    primary = findings.metrics[rule.primary]
    comparison = primary.variants[variant]
    fewest = min(comparison.n, primary.variants[findings.control].n)
    if comparison.n and fewest < LEAST_UNITS:
        reason = f"with {fewest:,} units in an arm no interval means anything yet"
        return Verdict(
            decision=undecided,
            variant=variant,
            reason=reason,
            missing=(f"{LEAST_UNITS - fewest:,} more units (of {LEAST_UNITS})",),
        )
    for guardrail in rule.guardrails:
        if breach := _breach(rule, guardrail, findings, variant):
            return Verdict(decision=Decision.ROLL_BACK, variant=variant, reason=breach)
    tone = comparison.tone(primary.metric.direction, rule.method)
    if tone is Tone.WORSE:
        reason = _effect(rule, primary.metric, comparison, variant, "worse")
        return Verdict(decision=Decision.ROLL_BACK, variant=variant, reason=reason)
    missing = _missing(rule, findings, variant)
    p_value = comparison.decisive_p_value(rule.method)
    level = rule.alpha / len(findings.challengers)
    clear = tone is Tone.BETTER and p_value is not None and p_value <= level
    if clear and not missing:
        reason = _effect(rule, primary.metric, comparison, variant, "better")
        return Verdict(decision=Decision.SHIP, variant=variant, reason=reason)
    reason = _why_undecided(rule, comparison, variant, tone, clear=clear, level=level)
    return Verdict(decision=undecided, variant=variant, reason=reason, missing=missing)


def _effect(rule: DecisionRule, metric: Metric, comparison: Comparison, variant: str, word: str) -> str:
    size = amount(metric, comparison.difference or 0.0)
    p_value = comparison.decisive_p_value(rule.method)
    p_words = "" if p_value is None else f" (p {probability(p_value)}, {rule.method})"
    return f"{variant} is {word} on the primary metric {metric.key} by {size}{p_words}"


def _why_undecided(
    rule: DecisionRule, comparison: Comparison, variant: str, tone: Tone, *, clear: bool, level: float
) -> str:
    if tone is Tone.MISSING:
        why = _why_missing(comparison, rule.method)
        return f"the primary metric {rule.primary} has no estimate for {variant}: {why}"
    if tone is Tone.UNCLEAR:
        return f"the interval of {rule.primary} for {variant} still includes zero"
    if not clear:
        bar = f"each of several challengers must reach p ≤ {number(level)}"
        return f"{variant} looks better on {rule.primary}, but {bar}"
    return f"{variant} is better on {rule.primary}, but not all that the rule asks for is there yet"


def _why_missing(comparison: Comparison, method: Method) -> str:
    """Why the interval that the verdict reads is not there."""
    field = "always_valid_ci" if method is Method.ALWAYS_VALID else "ci"
    reasons = comparison.not_estimable
    return reasons.get(field) or next(iter(reasons.values()), "nothing was measured")


def _missing(rule: DecisionRule, findings: Findings, variant: str) -> tuple[str, ...]:
    primary = findings.metrics[rule.primary].variants
    short = [
        f"{rule.minimum_units - primary[name].n:,} more units in {name} (of {rule.minimum_units:,})"
        for name in (findings.control, variant)
        if primary[name].n < rule.minimum_units
    ]
    unsafe = [_unsafe(rule, guardrail, findings, variant) for guardrail in rule.guardrails]
    return (*short, *(words for words in unsafe if words))


def _breach(rule: DecisionRule, guardrail: Guardrail, findings: Findings, variant: str) -> str | None:
    """In words, if even the best that the interval allows is a loss beyond the margin."""
    loss = _loss(rule, guardrail, findings, variant)
    if loss is None or loss.low <= guardrail.margin:
        return None
    least, margin = (_loss_words(guardrail, findings, size) for size in (loss.low, guardrail.margin))
    return f"guardrail {guardrail.metric} is worse with {variant} by at least {least} (margin {margin})"


def _unsafe(rule: DecisionRule, guardrail: Guardrail, findings: Findings, variant: str) -> str | None:
    """In words, unless the interval rules out a loss beyond the margin."""
    loss = _loss(rule, guardrail, findings, variant)
    if loss is None:
        return f"an estimate of guardrail {guardrail.metric}"
    if loss.high <= guardrail.margin:
        return None
    words = _loss_words(guardrail, findings, loss.high), _loss_words(guardrail, findings, guardrail.margin)
    return (
        f"certainty on guardrail {guardrail.metric}: it may still be worse by {words[0]} (margin {words[1]})"
    )


def _loss(rule: DecisionRule, guardrail: Guardrail, findings: Findings, variant: str) -> Interval | None:
    """The interval of the loss, positive where the variant is worse; None: not estimable."""
    found = findings.metrics.get(guardrail.metric)
    if found is None:
        return None
    comparison = found.variants[variant]
    method = rule.method
    interval = comparison.relative_interval(method) if guardrail.relative else comparison.interval(method)
    if interval is None:
        return None
    if found.metric.direction is Direction.INCREASE:
        return Interval(low=-interval.high, high=-interval.low)
    return interval


def _loss_words(guardrail: Guardrail, findings: Findings, loss: float) -> str:
    if guardrail.relative:
        return share(loss)
    return amount(findings.metrics[guardrail.metric].metric, loss)
