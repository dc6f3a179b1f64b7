"""Reports, metrics and rules as JSON, there and back. PURE."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from experiments.metrics import Direction, Metric, MetricKind, PerUnit
from experiments.model import Plan
from experiments.report import (
    Comparison,
    Decision,
    Exclusions,
    Expected,
    MetricReport,
    Report,
    Verdict,
    Window,
)
from experiments.rule import DecisionRule, Guardrail, Method
from experiments.sentences import sentences
from experiments.stats.results import Interval, NotEstimable
from experiments.stats.srm import SampleRatio
from flags.earlier import EarlierSplit, Taken
from pointsman.core.model import Range
from runtime.errors import Invalid

FORMAT: Final = 1

Json = dict[str, Any]
_INTERVALS: Final = ("ci", "relative_ci", "always_valid_ci", "always_valid_relative_ci")


def to_json(report: Report) -> Json:
    """The report as finite JSON values: null where a number is not estimable, beside its reason.

    Numbers keep all their digits, so `from_json` gives back an equal report.
    """
    return {
        "format": FORMAT,
        "title": report.title,
        "unit": report.unit,
        "control": report.control,
        "units": dict(report.units),
        "planned": dict(report.planned),
        "expected": {"shares": dict(report.expected.shares), "taken": report.expected.taken},
        "alpha": report.rule.alpha,
        "verdict": {**asdict(report.verdict), "missing": list(report.verdict.missing)},
        "srm": _srm_to_json(report.srm),
        "exclusions": asdict(report.exclusions),
        "lag_s": report.lag_s,
        "metrics": {
            key: {variant: _comparison_to_json(found) for variant, found in entry.variants.items()}
            for key, entry in report.metrics.items()
        },
        "sentences": sentences(report),
        "definitions": {key: metric_to_json(entry.metric) for key, entry in report.metrics.items()},
        "rule": rule_to_json(report.rule),
        "window": _window_to_json(report.window),
        "generated_at": report.generated_at.isoformat(),
    }


def from_json(body: Mapping[str, Any]) -> Report:
    """The report that `to_json` was given. Invalid: another format, or not a report."""
    if body.get("format") != FORMAT:
        raise Invalid("format", f"is {body.get('format')!r}; this version reads reports of format {FORMAT}")
    try:
        return _report(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid("report", f"is not a complete report: {error!r}") from error


def metric_to_json(metric: Metric) -> Json:
    """A metric's definition."""
    return asdict(metric)


def metric_from_json(body: Mapping[str, Any]) -> Metric:
    """KeyError, TypeError or ValueError: not what `metric_to_json` gave."""
    return Metric(
        **{
            **body,
            "kind": MetricKind(body["kind"]),
            "per_unit": PerUnit(body["per_unit"]),
            "direction": Direction(body["direction"]),
        }
    )


def rule_to_json(rule: DecisionRule) -> Json:
    """A decision rule."""
    return {**asdict(rule), "guardrails": [asdict(guardrail) for guardrail in rule.guardrails]}


def rule_from_json(body: Mapping[str, Any]) -> DecisionRule:
    """KeyError, TypeError or ValueError: not what `rule_to_json` gave."""
    guardrails = tuple(Guardrail(**guardrail) for guardrail in body["guardrails"])
    return DecisionRule(**{**body, "guardrails": guardrails, "method": Method(body["method"])})


def plan_to_json(plan: Plan) -> Json:
    """What an experiment fixed at its start."""
    earlier = plan.earlier
    return {
        "flag_rule": plan.flag_rule,
        "salt": plan.salt,
        "weights": dict(plan.weights),
        "ranges": [list(part) for part in plan.ranges],
        "earlier": None
        if earlier is None
        else {
            "revision": earlier.revision,
            "began": earlier.began.isoformat(),
            "taken": [asdict(part) for part in earlier.taken],
        },
    }


def plan_from_json(body: Mapping[str, Any]) -> Plan:
    """KeyError, TypeError or ValueError: not what `plan_to_json` gave, now or in older versions."""
    earlier = body.get("earlier")
    return Plan(
        flag_rule=body["flag_rule"],
        salt=body["salt"],
        weights=body["weights"],
        ranges=tuple(Range(*part) for part in body.get("ranges", ())),
        earlier=None
        if earlier is None
        else EarlierSplit(
            revision=earlier["revision"],
            began=datetime.fromisoformat(earlier["began"]),
            taken=tuple(Taken(**part) for part in earlier["taken"]),
        ),
    )


def _report(body: Mapping[str, Any]) -> Report:
    definitions = {key: metric_from_json(found) for key, found in body["definitions"].items()}
    return Report(
        title=body["title"],
        unit=body["unit"],
        control=body["control"],
        units=body["units"],
        planned=body["planned"],
        # Reports of older versions expected what was planned.
        expected=Expected(**body.get("expected", {"shares": body["planned"]})),
        metrics={
            key: MetricReport(
                metric=definitions[key],
                variants={variant: _comparison(found) for variant, found in variants.items()},
            )
            for key, variants in body["metrics"].items()
        },
        srm=_srm(body["srm"]),
        exclusions=Exclusions(**body["exclusions"]),
        lag_s=body["lag_s"],
        rule=rule_from_json(body["rule"]),
        verdict=_verdict(body["verdict"]),
        generated_at=datetime.fromisoformat(body["generated_at"]),
        window=_window(body["window"]),
    )


def _comparison_to_json(comparison: Comparison) -> Json:
    values = asdict(comparison)
    for name in _INTERVALS:
        interval = getattr(comparison, name)
        values[name] = None if interval is None else [interval.low, interval.high]
    return values


def _comparison(body: Mapping[str, Any]) -> Comparison:
    intervals = {
        name: None if body[name] is None else Interval(low=body[name][0], high=body[name][1])
        for name in _INTERVALS
    }
    return Comparison(**{**body, **intervals})


def _srm_to_json(srm: SampleRatio | NotEstimable) -> Json:
    if isinstance(srm, NotEstimable):
        return {"chi2": None, "p_value": None, "alarm": None, "not_estimable": srm.reason}
    return asdict(srm)


def _srm(body: Mapping[str, Any]) -> SampleRatio | NotEstimable:
    if "not_estimable" in body:
        return NotEstimable(reason=body["not_estimable"])
    return SampleRatio(**body)


def _verdict(body: Mapping[str, Any]) -> Verdict:
    return Verdict(**{**body, "decision": Decision(body["decision"]), "missing": tuple(body["missing"])})


def _window_to_json(window: Window | None) -> Json | None:
    if window is None:
        return None
    return {"start": window.start.isoformat(), "end": window.end.isoformat()}


def _window(body: Mapping[str, str] | None) -> Window | None:
    if body is None:
        return None
    return Window(start=datetime.fromisoformat(body["start"]), end=datetime.fromisoformat(body["end"]))
