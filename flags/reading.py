"""Nodes, rules and kept entries back from our own columns. Nothing is checked again. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from flags.model import KeptSince
from pointsman.core.model import (
    AllOf,
    AnyOf,
    Condition,
    Gate,
    GateKind,
    Hashing,
    InSegment,
    Kept,
    Node,
    Not,
    Operator,
    Range,
    Rule,
    Scheme,
    Serves,
    Span,
    Switch,
    Window,
)

Stored = Mapping[str, Any]
"""A JSON object of ours, in the ruleset's wire form."""


def nodes_from_json(stored: Iterable[Stored]) -> tuple[Node, ...]:
    """What the wire form of nodes was made from."""
    return tuple(_node(each) for each in stored)


def rules_from_json(stored: Iterable[Stored]) -> tuple[Rule, ...]:
    """What the wire form of rules was made from."""
    return tuple(
        Rule(
            id=raw["id"],
            conditions=nodes_from_json(raw["conditions"]),
            split=tuple(Range(*part) for part in raw["split"]),
            gates=_gates(raw),
            window=_window(raw.get("window")),
            hashing=_hashing(raw.get("hashing")),
        )
        for raw in stored
    )


def requires_from_json(stored: Iterable[Stored]) -> tuple[Serves, ...]:
    """What the wire form of prerequisites was made from."""
    return tuple(Serves(raw["flag"], tuple(raw["serves"])) for raw in stored)


def switches_from_json(stored: Iterable[tuple[int, bool]]) -> tuple[Switch, ...]:
    """What the wire form of switches was made from."""
    return tuple(Switch(at=at, enabled=enabled) for at, enabled in stored)


def kept_from_json(stored: Iterable[Stored]) -> tuple[KeptSince, ...]:
    """What ``kept_to_json`` was given."""
    return tuple(
        KeptSince(kept=_kept(raw["kept"]), upto=raw["upto"], built=tuple(raw["built"])) for raw in stored
    )


def _kept(raw: Stored) -> Kept:
    return Kept(
        rule=raw["rule"],
        epoch=raw["epoch"],
        conditions=nodes_from_json(raw["conditions"]),
        gates=_gates(raw),
        hashing=_hashing(raw.get("hashing")),
        ranges=tuple(Range(*part) for part in raw["ranges"]),
        units=tuple(raw["units"]),
    )


def _node(raw: Stored) -> Node:
    if "attribute" in raw:
        return Condition(
            attribute=raw["attribute"], operator=Operator(raw["operator"]), values=tuple(raw["values"])
        )
    if "all" in raw:
        return AllOf(nodes_from_json(raw["all"]))
    if "any" in raw:
        return AnyOf(nodes_from_json(raw["any"]))
    if "not" in raw:
        return Not(_node(raw["not"]))
    if "segment" in raw:
        return InSegment(raw["segment"])
    return Serves(raw["flag"], tuple(raw["serves"]))


def _gates(raw: Stored) -> tuple[Gate, ...]:
    return tuple(
        Gate(
            kind=GateKind(gate["kind"]),
            name=gate["name"],
            hashing=_known_hashing(gate["hashing"]),
            spans=tuple(Span(*span) for span in gate["spans"]),
        )
        for gate in raw.get("gates", ())
    )


def _window(raw: Stored | None) -> Window | None:
    return None if raw is None else Window(start=raw.get("start"), end=raw.get("end"))


def _hashing(raw: Stored | None) -> Hashing | None:
    return None if raw is None else _known_hashing(raw)


def _known_hashing(raw: Stored) -> Hashing:
    return Hashing(
        scheme=Scheme(raw["scheme"]),
        seed=raw["seed"],
        buckets=raw["buckets"],
        attribute=raw.get("attribute"),
    )
