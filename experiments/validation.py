"""Whether a design may be stored, and whether it may start. PURE; every problem names its field."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from experiments.metrics import Metric
from experiments.model import Brief, Design, Outcome, Plan
from experiments.report import Decision
from flags.model import FlagDetail
from flags.payloads import Problem
from flags.validation import check_key, check_text, refuse
from pointsman.core.model import Rule
from pointsman.core.splits import weights_of
from runtime.errors import Invalid

MOST_METRICS: Final = 50
NAME_CHARACTERS: Final = 200
TEXT_CHARACTERS: Final = 5_000
OUTCOME_CHARACTERS: Final = 256  # as long as the SDK lets an outcome's name be
UNIT_CHARACTERS: Final = 40


def check_experiment_key(key: str) -> None:
    """Invalid: no key that programs and addresses can use."""
    refuse(check_key("key", key))


def check_design(design: Design) -> None:
    """Invalid: a text that is too long, an unknown reference; all problems together."""
    refuse(_design_problems(design))


def _design_problems(design: Design) -> Iterator[Problem]:
    if not design.name.strip():
        yield Problem("name", "is empty; give the experiment a name")
    yield from check_text("name", design.name, most=NAME_CHARACTERS)
    yield from check_text("hypothesis", design.hypothesis, most=TEXT_CHARACTERS, lines=True)
    yield from _brief_problems(design.brief)
    yield from check_key("flag", design.flag)
    yield from check_key("control", design.control)
    yield from check_key("unit_type", design.unit_type)
    if design.flag_rule:
        yield from check_key("flag_rule", design.flag_rule)
    yield from _metrics_problems(design.metrics)
    yield from _rule_problems(design)


def _brief_problems(brief: Brief) -> Iterator[Problem]:
    for field in ("decision", "owner", "ships_when"):
        yield from check_text(f"brief.{field}", getattr(brief, field), most=TEXT_CHARACTERS, lines=True)


def _metrics_problems(metrics: tuple[Metric, ...]) -> Iterator[Problem]:
    if not 1 <= len(metrics) <= MOST_METRICS:
        yield Problem("metrics", f"an experiment needs 1 to {MOST_METRICS} metrics, not {len(metrics)}")
    seen: set[str] = set()
    for index, metric in enumerate(metrics):
        field = f"metrics.{index}"
        yield from check_key(f"{field}.key", metric.key)
        yield from check_text(f"{field}.outcome", metric.outcome, most=OUTCOME_CHARACTERS)
        yield from check_text(f"{field}.unit", metric.unit, most=UNIT_CHARACTERS)
        if not metric.outcome:
            yield Problem(f"{field}.outcome", "is empty; name the outcome that the application records")
        if metric.key in seen:
            yield Problem(
                f"{field}.key", f"{metric.key[:80]!r} is there twice; every metric needs its own key"
            )
        seen.add(metric.key)


def _rule_problems(design: Design) -> Iterator[Problem]:
    keys = [metric.key for metric in design.metrics]
    available = ", ".join(keys)
    if design.decision_rule.primary not in keys:
        problem = (
            f"{design.decision_rule.primary[:80]!r} is not a metric of this experiment; it has {available}"
        )
        yield Problem("decision_rule.primary", problem)
    for index, guardrail in enumerate(design.decision_rule.guardrails):
        if guardrail.metric not in keys:
            problem = f"{guardrail.metric[:80]!r} is not a metric of this experiment; it has {available}"
            yield Problem(f"decision_rule.guardrails.{index}.metric", problem)


def check_control(design: Design, detail: FlagDetail) -> None:
    """Invalid: control is no variant of the flag."""
    if design.control not in detail.flag.variants:
        available = ", ".join(detail.flag.variants)
        raise Invalid("control", f"{design.control!r} is no variant of {design.flag!r}; it has {available}")


def check_complete(design: Design) -> None:
    """Invalid: what must be answered before any data are seen is still open."""
    answers = {
        "hypothesis": design.hypothesis,
        "brief.decision": design.brief.decision,
        "brief.owner": design.brief.owner,
        "brief.ships_when": design.brief.ships_when,
    }
    refuse(
        Problem(field, "is empty; it must be answered before the start")
        for field, answer in answers.items()
        if not answer.strip()
    )


def plan_of(design: Design, detail: FlagDetail, environment: str) -> Plan:
    """What starting now would fix. Invalid: the flag cannot carry the experiment; says what it lacks."""
    if detail.flag.archived_at is not None:
        raise Invalid("flag", f"{design.flag!r} is archived; restore it first")
    state = detail.state(environment)
    if not state.enabled:
        raise Invalid("flag", f"{design.flag!r} is switched off in {environment}; switch it on first")
    rule = _splitting_rule(design, state.rules)
    weights = weights_of(rule.split)
    if len(weights) < 2:
        raise Invalid(
            "flag_rule", f"rule {rule.id!r} serves a single variant; give it a split of two or more"
        )
    if design.control not in weights:
        available = ", ".join(weights)
        raise Invalid("control", f"{design.control!r} gets no units of rule {rule.id!r}; it has {available}")
    return Plan(flag_rule=rule.id, salt=detail.flag.salt, weights=weights, ranges=rule.split)


def _splitting_rule(design: Design, rules: Iterable[Rule]) -> Rule:
    by_id: Mapping[str, Rule] = {rule.id: rule for rule in rules}
    if design.flag_rule:
        if design.flag_rule not in by_id:
            available = ", ".join(by_id) or "none"
            raise Invalid("flag_rule", f"there is no rule {design.flag_rule!r}; the flag has {available}")
        return by_id[design.flag_rule]
    for rule in by_id.values():
        if len(weights_of(rule.split)) > 1:
            return rule
    raise Invalid("flag", f"no rule of {design.flag!r} splits its units; give one a split of two or more")


def check_outcome(outcome: Outcome, plan: Plan) -> None:
    """Invalid: not a final decision, or about a variant that did not take part."""
    if outcome.decision is Decision.KEEP_RUNNING:
        raise Invalid("decision", "a stopped experiment cannot keep running; ship, roll back or inconclusive")
    if outcome.decision is Decision.SHIP and outcome.variant is None:
        raise Invalid("variant", "say which variant ships")
    if outcome.variant is not None and outcome.variant not in plan.weights:
        raise Invalid(
            "variant", f"{outcome.variant[:80]!r} did not take part; it was {', '.join(plan.weights)}"
        )
    refuse(check_text("note", outcome.note, most=TEXT_CHARACTERS, lines=True))
