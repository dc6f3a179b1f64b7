"""Evaluation written out from the design's words, slowly, to check the generated functions by."""

from collections.abc import Mapping

from pointsman.core.bucketing import bucket
from pointsman.core.choice import Choice, Reason
from pointsman.core.model import Condition, Flag, Operator, Rule, Ruleset, Scalar
from pointsman.core.splits import owner


def choose(ruleset: Ruleset, key: str, unit: str, context: Mapping[str, object]) -> Choice:
    """The choice the design asks for. ``key`` is known, ``unit`` is text and not empty."""
    flag = ruleset.flags[key]
    if not flag.enabled:
        return _serve(ruleset, flag, unit, flag.off, Reason.OFF, None)
    for rule in flag.rules:
        if all(isinstance(node, Condition) and holds(node, context) for node in rule.conditions):
            variant = owner(rule.split, bucket(flag.salt, unit))
            return _serve(ruleset, flag, unit, variant, _reason(rule), rule.id)
    return _serve(ruleset, flag, unit, flag.default, Reason.DEFAULT, None)


def holds(condition: Condition, context: Mapping[str, object]) -> bool:
    """Whether the condition holds, as ``Operator`` describes it."""
    actual = context.get(condition.attribute)
    if actual != actual:  # NaN is a number nothing matches.
        return False
    alike = [value for value in condition.values if _family(value) is _family(actual)]
    if not alike:
        return False
    return _compare(condition.operator, actual, alike)


def _compare(operator: Operator, actual: object, alike: list[Scalar]) -> bool:
    match operator:
        case Operator.EQUALS | Operator.IN:
            return any(actual == value for value in alike)
        case Operator.NOT_EQUALS | Operator.NOT_IN:
            return all(actual != value for value in alike)
    [value] = alike
    if isinstance(actual, str) and isinstance(value, str):
        return {
            Operator.TEXT_STARTS: actual[: len(value)] == value,
            Operator.TEXT_ENDS: actual.endswith(value),
            Operator.TEXT_CONTAINS: actual.find(value) >= 0,
            Operator.TEXT_LT: list(map(ord, actual)) < list(map(ord, value)),
            Operator.TEXT_GT: list(map(ord, actual)) > list(map(ord, value)),
        }[operator]
    assert isinstance(actual, int | float)
    assert isinstance(value, int | float)
    return {
        Operator.NUMBER_LT: actual < value,
        Operator.NUMBER_LE: actual <= value,
        Operator.NUMBER_GT: actual > value,
        Operator.NUMBER_GE: actual >= value,
    }[operator]


def _family(value: object) -> type | None:
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | float):
        return float
    return str if isinstance(value, str) else None


def _reason(rule: Rule) -> Reason:
    return Reason.SPLIT if len({part.variant for part in rule.split}) > 1 else Reason.TARGETING_MATCH


def _serve(ruleset: Ruleset, flag: Flag, unit: str, variant: str, reason: Reason, rule: str | None) -> Choice:
    return Choice(flag.key, unit, variant, flag.variants[variant], reason, rule, ruleset.revision, None)
