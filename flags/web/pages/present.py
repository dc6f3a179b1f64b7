"""What the flag pages show, worked out beforehand: templates calculate nothing. Pure."""

import json
from dataclasses import dataclass

from flags.gates import shown_parts
from flags.model import FlagDetail, FlagState, FlagView
from flags.web.pages.around_form import text_of_second
from flags.web.pages.condition_form import IN_SEGMENT, NOT_IN_SEGMENT, SERVES
from flags.weights import percent_of_buckets
from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import (
    AllOf,
    AnyOf,
    Condition,
    InSegment,
    Json,
    Kind,
    Node,
    Not,
    Operator,
    Rule,
    Serves,
    Split,
)
from pointsman.core.splits import weights_of
from pointsman.core.unit_sets import UNPUBLISHED

_DECLARED = {
    "provider": "provider",
    "model": "model",
    "version": "version",
    "alias": "resolved from alias",
    "endpoint": "endpoint",
    "params": "parameters",
    "resources": "declared resources",
    "cost_per_call": "declared cost a call",
    "offline_score": "offline score",
}
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
    Operator.TEXT_MATCHES: "matches",
    Operator.EXISTS: "is there:",
    Operator.DATE_LT: "is before",
    Operator.DATE_LE: "is at or before",
    Operator.DATE_GT: "is after",
    Operator.DATE_GE: "is at or after",
    Operator.SEMVER_EQ: "is version",
    Operator.SEMVER_LT: "is a version before",
    Operator.SEMVER_LE: "is at most version",
    Operator.SEMVER_GT: "is a version after",
    Operator.SEMVER_GE: "is at least version",
    Operator.IP_IN: "is in network",
    Operator.IP_NOT_IN: "is outside network",
    Operator.LIST_ANY: "holds any of",
    Operator.LIST_ALL: "holds all of",
}
OPERATORS = (
    *((operator.value, words) for operator, words in _WORDS.items()),
    (IN_SEGMENT, "unit is in segment"),
    (NOT_IN_SEGMENT, "unit is not in segment"),
    (SERVES, "(a flag) serves"),
)


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
    entry: tuple[str, ...]
    shares: tuple[ShareOf, ...]
    bar: tuple[BarPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagLine:
    """A flag in a list, as it stands in one environment."""

    flag: FlagView
    state: FlagState
    bar: tuple[BarPart, ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantCard:
    """A variant, and what its model declares of itself, as label and text."""

    name: str
    colour: int
    payload: Json
    declared: tuple[tuple[str, str], ...]


def variant_cards(flag: FlagView) -> tuple[VariantCard, ...]:
    """Every variant of the flag; only models declare anything."""
    return tuple(
        VariantCard(
            name=name,
            colour=number,
            payload=payload,
            declared=_declared(payload) if flag.kind is Kind.MODEL and isinstance(payload, dict) else (),
        )
        for number, (name, payload) in enumerate(flag.variants.items())
    )


def _declared(payload: dict[str, Json]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (label, _fact(payload[field])) for field, label in _DECLARED.items() if payload.get(field) is not None
    )


def _fact(value: Json) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_fact(inner)}" for name, inner in value.items()) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """How many units of a sticky flag keep a variant."""

    variant: str
    units: int


def asks(state: FlagState) -> bool:
    """Whether a sticky flag has more units than it hands out, so that applications must ask first."""
    return any(UNPUBLISHED in each.kept.units for each in state.kept)


def around_words(state: FlagState) -> tuple[str, ...]:
    """What stands around the rules, in words."""
    words = [_need_words(each, state.off) for each in state.requires]
    words += [
        f"Switches {'on' if each.enabled else 'off'} by itself at {text_of_second(each.at)} (UTC)"
        for each in state.switches
    ]
    if state.overrides:
        one = len(state.overrides) == 1
        words.append(
            "1 unit has a variant of its own" if one else f"{len(state.overrides)} units have their own"
        )
    return tuple(words)


def _need_words(need: Serves, off: str) -> str:
    wanted = " or ".join(need.variants)
    return f"Only where the flag {need.flag} serves {wanted}; otherwise everyone gets {off}"


def rule_line(rule: Rule, variants: tuple[str, ...]) -> RuleLine:
    """The rule as the page shows it; colours follow the variants' order."""
    held = weights_of(rule.split)
    return RuleLine(
        id=rule.id,
        conditions=tuple(node_words(node) for node in rule.conditions),
        entry=_entry_words(rule),
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


def node_words(node: Node) -> str:
    """A node as people say it: ``country is one of DE, FR``."""
    match node:
        case Condition():
            values = ", ".join(_value(value) for value in node.values)
            return f"{node.attribute} {_WORDS[node.operator]} {values}"
        case AllOf():
            return f"({' and '.join(node_words(each) for each in node.nodes)})"
        case AnyOf():
            return f"({' or '.join(node_words(each) for each in node.nodes)})"
        case Not(InSegment(segment=segment)):
            return f"not in segment {segment}"
        case Not():
            return f"not {node_words(node.node)}"
        case InSegment():
            return f"in segment {node.segment}"
        case Serves():
            return f"{node.flag} serves {' or '.join(node.variants)}"


def _entry_words(rule: Rule) -> tuple[str, ...]:
    """Who of the eligible gets in, in words."""
    parts = shown_parts(rule)
    words = [*(f"{_percent(parts.coverage)} enter",) * (parts.coverage < BUCKETS)]
    if parts.layer is not None:
        words.append(f"{_percent(parts.layer.share)} of layer {parts.layer.layer}")
    words += [f"a {gate.kind.value} gate of {gate.hashing.scheme.value}" for gate in parts.foreign]
    if rule.hashing is not None:
        by = f" by {rule.hashing.attribute}" if rule.hashing.attribute else ""
        words.append(f"bucketed{by} as {rule.hashing.scheme.value}")
    if rule.window is not None:
        start, end = text_of_second(rule.window.start), text_of_second(rule.window.end)
        words.append(f"from {start or 'ever'} until {end or 'ever'} (UTC)")
    return tuple(words)


def _percent(buckets: int) -> str:
    return f"{percent_of_buckets(buckets):f} %"


def _value(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"“{value}”" if isinstance(value, str) else f"{value}"
