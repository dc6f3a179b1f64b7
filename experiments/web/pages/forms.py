"""From what people type into the experiment page to a design, and back. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Final

from experiments.metrics import Direction, Metric, MetricKind, PerUnit
from experiments.model import Brief, Design
from experiments.rule import DecisionRule, Guardrail
from runtime.errors import Invalid

Form = Mapping[str, str]

MOST_METRICS: Final = 20
KINDS: Final = (("proportion", "share of units"), ("mean", "mean per unit"))
DIRECTIONS: Final = (("increase", "higher is better"), ("decrease", "lower is better"))
PER_UNIT: Final = (("sum", "sum of its values"), ("mean", "average of its values"))
MARGINS: Final = (("percent", "% of control"), ("absolute", "in the metric's unit"))
ROLES: Final = (
    ("primary", "primary: decides"),
    ("guardrail", "guardrail: must not worsen"),
    ("other", "only shown"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """One metric as typed; ``margin`` in per cent of control's mean, or in the metric's own unit."""

    key: str = ""
    kind: str = "proportion"
    outcome: str = ""
    per_unit: str = "sum"
    direction: str = "increase"
    unit: str = ""
    role: str = "other"
    margin: str = ""
    margin_in: str = "percent"


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignForm:
    """The page as typed, good or bad."""

    version: str = ""
    key: str = ""
    name: str = ""
    flag: str = ""
    flag_rule: str = ""
    control: str = ""
    unit_type: str = "user"
    hypothesis: str = ""
    decision: str = ""
    owner: str = ""
    ships_when: str = ""
    alpha: str = "0.05"
    minimum_units: str = "100"
    metrics: tuple[MetricRow, ...] = (MetricRow(role="primary"), MetricRow(role="guardrail"))


_TEXTS: Final = (
    "version", "key", "name", "flag", "flag_rule", "control", "unit_type", "hypothesis", "decision",
    "owner", "ships_when", "alpha", "minimum_units",
)  # fmt: skip
_COLUMNS: Final = ("key", "kind", "outcome", "per_unit", "direction", "unit", "role", "margin", "margin_in")


def read(form: Form) -> DesignForm:
    """The page as it was sent; empty metric lines are left out."""
    texts = {name: form.get(name, "").strip() for name in _TEXTS}
    rows = (
        MetricRow(**{column: form.get(f"metric-{n}-{column}", "").strip() for column in _COLUMNS})
        for n in range(MOST_METRICS)
    )
    return DesignForm(**texts, metrics=tuple(row for row in rows if row.key))


def design_of(form: DesignForm) -> Design:
    """The design that was typed. Invalid: names the form's field."""
    primaries = [row.key for row in form.metrics if row.role == "primary"]
    if len(primaries) != 1:
        raise Invalid("metrics", f"exactly one metric is the primary one, not {len(primaries)}")
    metrics = tuple(_metric(row, f"metric-{n}") for n, row in enumerate(form.metrics))
    guardrails = tuple(
        _guardrail(row, f"metric-{n}-margin") for n, row in enumerate(form.metrics) if row.role == "guardrail"
    )
    try:
        rule = DecisionRule(
            primary=primaries[0],
            guardrails=guardrails,
            alpha=float(_number(form.alpha, "alpha")),
            minimum_units=_count(form.minimum_units, "minimum_units"),
        )
    except ValueError as error:
        raise Invalid("alpha", str(error)) from None
    return Design(
        name=form.name,
        flag=form.flag,
        control=form.control,
        metrics=metrics,
        decision_rule=rule,
        hypothesis=form.hypothesis,
        brief=Brief(decision=form.decision, owner=form.owner, ships_when=form.ships_when),
        unit_type=form.unit_type,
        flag_rule=form.flag_rule,
    )


def form_of(key: str, design: Design, version: int) -> DesignForm:
    """A stored design as the page shows it."""
    rule = design.decision_rule
    margins = {guardrail.metric: guardrail for guardrail in rule.guardrails}
    return DesignForm(
        version=str(version),
        key=key,
        name=design.name,
        flag=design.flag,
        flag_rule=design.flag_rule,
        control=design.control,
        unit_type=design.unit_type,
        hypothesis=design.hypothesis,
        decision=design.brief.decision,
        owner=design.brief.owner,
        ships_when=design.brief.ships_when,
        alpha=f"{rule.alpha:g}",
        minimum_units=str(rule.minimum_units),
        metrics=tuple(_row(metric, rule.primary, margins.get(metric.key)) for metric in design.metrics),
    )


def keep_hidden(design: Design, stored: Design) -> Design:
    """The typed design with what the page does not show taken from the stored one (nothing is lost)."""
    rule = stored.decision_rule
    kept = replace(design.decision_rule, method=rule.method, tuned_for=rule.tuned_for)
    return replace(design, decision_rule=kept)


def _guardrail(row: MetricRow, name: str) -> Guardrail:
    margin = _number(row.margin or "0", name)
    if not 0 <= margin <= 10**12:
        raise Invalid(name, "must be a number from 0")
    relative = row.margin_in != "absolute"
    return Guardrail(metric=row.key, margin=float(margin / 100 if relative else margin), relative=relative)


def _metric(row: MetricRow, prefix: str) -> Metric:
    if row.kind not in list(MetricKind) or row.direction not in list(Direction):
        raise Invalid(f"{prefix}-kind", "choose one of the list")
    kind = MetricKind(row.kind)
    if kind is MetricKind.MEAN and row.per_unit not in (PerUnit.SUM, PerUnit.MEAN):
        raise Invalid(f"{prefix}-per_unit", "choose one of the list")
    return Metric(
        key=row.key,
        kind=kind,
        outcome=row.outcome or row.key,
        per_unit=PerUnit.ANY if kind is MetricKind.PROPORTION else PerUnit(row.per_unit),
        direction=Direction(row.direction),
        unit=row.unit,
    )


def _row(metric: Metric, primary: str, guardrail: Guardrail | None) -> MetricRow:
    role = "primary" if metric.key == primary else "guardrail" if guardrail else "other"
    absolute = guardrail is not None and not guardrail.relative
    return MetricRow(
        key=metric.key,
        kind=metric.kind.value,
        outcome=metric.outcome,
        per_unit="sum" if metric.per_unit is PerUnit.ANY else metric.per_unit.value,
        direction=metric.direction.value,
        unit=metric.unit,
        role=role,
        margin="" if guardrail is None else _margin(guardrail),
        margin_in="absolute" if absolute else "percent",
    )


def _number(text: str, name: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Invalid(name, f"{text[:80]!r} is not a number") from None
    if not number.is_finite():
        raise Invalid(name, "must be a finite number")
    return number


def _margin(guardrail: Guardrail) -> str:
    return f"{Decimal(str(guardrail.margin)) * (100 if guardrail.relative else 1):f}"


def _count(text: str, name: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise Invalid(name, f"{text[:80]!r} is not a whole number")
    return int(text)
