"""What the flag pages show, worked out beforehand: templates calculate nothing. Pure."""

from dataclasses import dataclass

from flags.model import FlagDetail, FlagState, FlagView
from pointsman.core.model import Condition, Operator, Rule, Split
from pointsman.core.splits import weights_of

_WORDS = {
    Operator.EQUALS: "is",
    Operator.NOT_EQUALS: "is not",
    Operator.IN: "is one of",
    Operator.NOT_IN: "is none of",
    Operator.NUMBER_LT: "<",
    Operator.NUMBER_LE: "≤",
    Operator.NUMBER_GT: ">",
    Operator.NUMBER_GE: "≥",
    Operator.TEXT_STARTS: "starts with",
    Operator.TEXT_ENDS: "ends with",
    Operator.TEXT_CONTAINS: "contains",
    Operator.TEXT_LT: "comes before",
    Operator.TEXT_GT: "comes after",
}
OPERATORS = tuple((operator.value, words) for operator, words in _WORDS.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class BarPart:
    """One coloured stretch of a split's bar, in buckets."""

    start: int
    width: int
    variant: str
    colour: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOf:
    """A variant's share of a rule, in buckets."""

    variant: str
    buckets: int
    colour: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """A rule in words, with its bar."""

    id: str
    conditions: tuple[str, ...]
    shares: tuple[ShareOf, ...]
    bar: tuple[BarPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagLine:
    """A flag in a list, as it stands in one environment."""

    flag: FlagView
    state: FlagState
    bar: tuple[BarPart, ...]
    summary: str


def rule_line(rule: Rule, variants: tuple[str, ...]) -> RuleLine:
    """The rule as the page shows it; colours follow the variants' order."""
    held = weights_of(rule.split)
    return RuleLine(
        id=rule.id,
        conditions=tuple(condition_words(condition) for condition in rule.conditions),
        shares=tuple(
            ShareOf(variant=name, buckets=held[name], colour=number)
            for number, name in enumerate(variants)
            if name in held
        ),
        bar=bar(rule.split, variants),
    )


def flag_line(detail: FlagDetail, environment: str) -> FlagLine:
    """The flag as a list shows it."""
    state, flag = detail.state(environment), detail.flag
    variants = tuple(flag.variants)
    everyone = state.rules[-1] if state.rules and not state.rules[-1].conditions else None
    if not state.enabled:
        return FlagLine(flag=flag, state=state, bar=(), summary=f"off: everyone gets {state.off}")
    if not state.rules:
        return FlagLine(flag=flag, state=state, bar=(), summary=f"everyone gets {state.default}")
    targeted = len(state.rules) - (everyone is not None)
    words = f"{targeted} targeted rule{'s' if targeted != 1 else ''}" if targeted else ""
    shown = bar(everyone.split, variants) if everyone else ()
    return FlagLine(flag=flag, state=state, bar=shown, summary=words)


def bar(split: Split, variants: tuple[str, ...]) -> tuple[BarPart, ...]:
    """A split as coloured stretches."""
    return tuple(
        BarPart(start=start, width=end - start, variant=name, colour=variants.index(name))
        for start, end, name in split
    )


def condition_words(condition: Condition) -> str:
    """A condition as people say it: ``country is one of DE, FR``."""
    values = ", ".join(_value(value) for value in condition.values)
    return f"{condition.attribute} {_WORDS[condition.operator]} {values}"


def _value(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"“{value}”" if isinstance(value, str) else f"{value}"
