"""Flags to export, and contexts to ask them with."""

import random
from collections.abc import Iterator
from typing import Any

from pointsman.core.model import (
    AllOf,
    AnyOf,
    Condition,
    Flag,
    Gate,
    Hashing,
    Json,
    Kind,
    Node,
    Not,
    Operator,
    Range,
    Rule,
    Ruleset,
    Segment,
)

COLORS: dict[str, Json] = {"red": "#f00", "green": "#0f0", "blue": "#00f"}
ODD_SPLIT = (
    Range(0, 10, "red"),
    Range(10, 4_000, "green"),
    Range(4_000, 7_777, "red"),
    Range(7_777, 10_000, "blue"),
)

VALUES: tuple[Any, ...] = (
    *("DE", "FR", "", "1", "true", "D"),
    *(0, 1, 1.0, 1.5, 2, -1, True, False),
    *([], ["a"], ["a", "b"], ["D"]),
)


def asks(attribute: str, operator: Operator, *values: bool | int | float | str) -> Condition:
    """A condition."""
    return Condition(attribute=attribute, operator=operator, values=values)


CONDITIONS: tuple[Node, ...] = (
    *(asks("any", Operator.EQUALS, each) for each in ("DE", 1, 0, 1.5, True, False, "")),
    *(asks("any", Operator.NOT_EQUALS, each) for each in ("DE", 1, True)),
    asks("any", Operator.IN, "DE", 1, False),
    asks("any", Operator.NOT_IN, "DE", "FR"),
    *(asks("any", Operator.EXISTS, each) for each in (True, False)),
    *(asks("any", Operator(f"number_{each}"), 1) for each in ("lt", "le", "gt", "ge")),
    *(asks("any", Operator(f"text_{each}"), "D") for each in ("starts", "ends", "contains")),
    asks("any", Operator.LIST_ANY, "a", "x"),
    asks("any", Operator.LIST_ALL, "a", "b"),
    AllOf((asks("any", Operator.EXISTS, True), Not(asks("any", Operator.EQUALS, "DE")))),
    AnyOf((asks("any", Operator.EQUALS, 1), asks("user.plan", Operator.EQUALS, "pro"))),
)


def color_flag(key: str, *rules: Rule, **parts: Any) -> Flag:
    """A flag of three colours."""
    usual: dict[str, Any] = {
        "key": key,
        "kind": Kind.STRING,
        "salt": f"demo/{key}",
        "enabled": True,
        "version": 1,
        "variants": COLORS,
        "off": "blue",
        "default": "green",
        "rules": rules,
    }
    return Flag(**{**usual, **parts})


def rule(
    hashing: Hashing | None, split: tuple[Range, ...], *conditions: Node, gates: tuple[Gate, ...] = ()
) -> Rule:
    """A rule."""
    return Rule(id="r1", conditions=conditions, split=split, hashing=hashing, gates=gates)


def ruleset_of(*flags: Flag, **segments: Segment) -> Ruleset:
    """The flags as an environment."""
    return Ruleset(
        project="demo",
        environment="prod",
        revision=7,
        flags={each.key: each for each in flags},
        segments=segments,
    )


def units(seed: int, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Units with an attribute ``any`` of every type."""
    chance = random.Random(seed)
    for number in range(count):
        unit = chance.choice((f"user-{number}", f"{chance.getrandbits(64):x}", f"ü-{number}-日本"))
        context: dict[str, Any] = {"id": unit, "user": {"plan": chance.choice(("pro", "free"))}}
        if chance.random() < 0.9:
            context["any"] = chance.choice(VALUES)
        yield unit, context
