"""Small rulesets to test with."""

from pointsman.core.model import Condition, Flag, Json, Kind, Node, Operator, Rule, Ruleset, Scalar
from pointsman.core.splits import split_of

VARIANTS: dict[str, Json] = {"v1": {"name": "weak"}, "v2": {"name": "strong"}}


def where(attribute: str, operator: Operator, *values: Scalar) -> Condition:
    return Condition(attribute=attribute, operator=operator, values=values)


def rule(id: str, *conditions: Node, **weights: int) -> Rule:  # noqa: A002  (the field's own name)
    return Rule(id=id, conditions=conditions, split=split_of(weights or {"v1": 50_000, "v2": 50_000}))


def flag(
    *rules: Rule,
    key: str = "digit-reader",
    enabled: bool = True,
    salt: str = "demo/digit-reader",
    variants: dict[str, Json] | None = None,
) -> Flag:
    return Flag(
        key=key,
        kind=Kind.MODEL if variants is None else Kind.JSON,
        salt=salt,
        enabled=enabled,
        version=1,
        variants=variants or VARIANTS,
        off="v1",
        default="v1",
        rules=rules,
    )


def ruleset(*flags: Flag, revision: int = 7, environment: str = "prod") -> Ruleset:
    return Ruleset(
        project="demo",
        environment=environment,
        revision=revision,
        flags={one.key: one for one in flags},
    )


def wanted_by(operator: Operator) -> Scalar:
    """A value that this operator takes."""
    if operator is Operator.EXISTS:
        return True
    for begin, value in _SAMPLES.items():
        if operator.startswith(begin):
            return value
    return "DE"


_SAMPLES: dict[str, Scalar] = {"number": 1, "date": "2026-11-21", "semver": "1.0.0", "ip": "10.0.0.0/8"}
