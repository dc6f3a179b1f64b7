"""The whole reason chain of one choice, as values and as JSON."""

import math
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from typing import Any, Final

from pointsman.core.choice import Choice
from pointsman.core.model import (
    AllOf,
    AnyOf,
    Condition,
    GateKind,
    Hashing,
    InSegment,
    Json,
    Node,
    Not,
    Range,
    Serves,
    Span,
    Switch,
    Window,
)
from pointsman.core.nodes import node_to_wire
from pointsman.core.plain import WIDEST_UNIT, items_of, plain
from pointsman.core.verdicts import Why

_LONGEST: Final = 200
"""Characters, or items, of an attribute that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStep:
    """One node of a tree. ``held`` None: it cannot be told."""

    node: Node
    held: bool | None
    why: Why
    actual: Json = None
    """The attribute's value, or what the other flag serves; cut short where it is long."""
    nodes: "tuple[NodeStep, ...]" = ()
    """The nodes within; of a segment, its conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawStep:
    """How the unit, or an attribute, came to its bucket. ``bucket`` None: it has none."""

    hashing: Hashing
    text: str | None
    """What was hashed."""
    bucket: int | None
    range: Range | None
    """Where the bucket lies; None: in no range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateStep:
    """One gate."""

    kind: GateKind
    name: str
    draw: DrawStep
    spans: tuple[Span, ...]
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStep:
    """One kept entry. ``held`` None: it cannot be told."""

    rule: str
    epoch: int
    draw: DrawStep
    conditions: tuple[NodeStep, ...]
    gates: tuple[GateStep, ...]
    in_units: bool | None
    """Whether one of the unit sets holds the unit; None: one that was asked is not loaded."""
    held: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStep:
    """One rule that was tried. ``held`` None: it cannot be told."""

    rule: str
    window: Window | None
    in_window: bool | None
    conditions: tuple[NodeStep, ...]
    gates: tuple[GateStep, ...]
    draw: DrawStep
    held: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Every step to a choice, in order, as far as it was gone."""

    choice: Choice
    now: float | None
    """Unix seconds the steps went by; None: nothing asked for the time, or nobody could tell."""
    enabled: bool | None = None
    switch: Switch | None = None
    """The last switch that was due."""
    prerequisites: tuple[NodeStep, ...] = ()
    override: str | None = None
    recent: str | None = None
    kept: tuple[KeptStep, ...] = ()
    rules: tuple[RuleStep, ...] = ()


def explanation_json(explanation: Explanation) -> dict[str, Json]:
    """The explanation as JSON: nothing left out, every text Unicode, every number finite."""
    choice = explanation.choice
    shown: dict[str, Json] = {
        field.name: _json(getattr(explanation, field.name)) for field in fields(explanation)
    }
    value = choice.value if choice.error is None else shown_value(choice.value)
    variant = None if choice.variant is None else _json(choice.variant)
    return shown | {"choice": {**_named(choice), "variant": variant, "value": value}}


def shown_value(value: Any) -> Json:
    """Any value as JSON short enough to show; never raises."""
    scalar, kind = plain(value)
    if isinstance(scalar, str):
        return _clean(scalar if len(scalar) <= _LONGEST else f"{scalar[:_LONGEST]}…")
    if scalar is not None:
        return _shown_number(scalar) if kind is not bool else scalar
    if value is None:
        return None
    items = items_of(value)
    if items is not None:
        return [shown_value(item) if items_of(item) is None else "…" for item in items[:_LONGEST]]
    if type(value) in (date, datetime):
        return str(value.isoformat()) if type(value) is date or value.tzinfo is None else _moment(value)
    return f"({_clean(type.__dict__['__name__'].__get__(type(value)))})"


def _moment(value: datetime) -> str:
    try:
        return value.isoformat()
    except Exception:  # The time zone is the caller's code, which may raise anything.
        return "(datetime)"


def _shown_number(number: int | float) -> Json:
    if isinstance(number, float):
        return number if math.isfinite(number) else str(number)
    return number if abs(number) < WIDEST_UNIT else "(an integer of over 1,000 digits)"


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _named(choice: Choice) -> dict[str, Json]:
    return {
        "flag": _clean(choice.flag),
        "unit": _clean(choice.unit),
        "reason": choice.reason.value,
        "rule": choice.rule,
        "revision": choice.revision,
        "error": None if choice.error is None else choice.error.value,
    }


def _json(value: Any) -> Json:
    if isinstance(value, Condition | AllOf | AnyOf | Not | InSegment | Serves):
        return _json(node_to_wire(value))
    if isinstance(value, str):
        return _clean(str(value))
    if isinstance(value, dict):
        return {key: _json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner) for inner in value] if not isinstance(value, Choice) else None
    if is_dataclass(value):
        return {field.name: _json(getattr(value, field.name)) for field in fields(value)}
    return value if value is None or isinstance(value, bool) else shown_value(value)
