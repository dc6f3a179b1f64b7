"""Nodes, rules and whole flags in the ruleset's wire form, as plain JSON values.

Nothing is checked, so that even a broken flag can be stored, shown and switched off. What is at its default
is left out, as the ruleset's canonical spelling demands. Pure.
"""

from collections.abc import Iterable
from typing import Any

from flags.model import KeptSince
from pointsman.core.model import (
    AllOf,
    AnyOf,
    Condition,
    Flag,
    Gate,
    Hashing,
    InSegment,
    Kept,
    Node,
    Not,
    Rule,
    Serves,
    Switch,
    Window,
)


def nodes_to_json(nodes: Iterable[Node]) -> list[dict[str, Any]]:
    """Nodes as the ruleset spells them."""
    return [_node(node) for node in nodes]


def rules_to_json(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Rules as the ruleset spells them."""
    return [
        {
            "id": rule.id,
            "conditions": nodes_to_json(rule.conditions),
            "split": [list(part) for part in rule.split],
            **_gates(rule.gates),
            **({} if rule.window is None else {"window": _window(rule.window)}),
            **({} if rule.hashing is None else {"hashing": _hashing(rule.hashing)}),
        }
        for rule in rules
    ]


def requires_to_json(requires: Iterable[Serves]) -> list[dict[str, Any]]:
    """Prerequisites as the ruleset spells them."""
    return [_node(each) for each in requires]


def switches_to_json(switches: Iterable[Switch]) -> list[list[Any]]:
    """Switches as the ruleset spells them."""
    return [[each.at, each.enabled] for each in switches]


def kept_to_json(kept: Iterable[KeptSince]) -> list[dict[str, Any]]:
    """Kept entries for our own column: the wire form, and how far each has seen."""
    return [{"kept": _kept(each.kept), "upto": each.upto, "built": list(each.built)} for each in kept]


def flag_to_json(flag: Flag) -> dict[str, Any]:
    """A flag as the ruleset spells it."""
    wire: dict[str, Any] = {
        "kind": flag.kind.value,
        "salt": flag.salt,
        "enabled": flag.enabled,
        "version": flag.version,
        "off": flag.off,
        "default": flag.default,
        "variants": flag.variants,
        "rules": rules_to_json(flag.rules),
    }
    new: dict[str, Any] = {
        "unit_type": "" if flag.unit_type == "user" else flag.unit_type,
        "sticky": flag.sticky,
        "epoch": flag.epoch,
        "requires": requires_to_json(flag.requires),
        "overrides": flag.overrides,
        "kept": [_kept(each) for each in flag.kept],
        "switches": switches_to_json(flag.switches),
    }
    return wire | {name: value for name, value in new.items() if value}


def _node(node: Node) -> dict[str, Any]:
    match node:
        case Condition():
            return {
                "attribute": node.attribute,
                "operator": node.operator.value,
                "values": list(node.values),
            }
        case AllOf():
            return {"all": nodes_to_json(node.nodes)}
        case AnyOf():
            return {"any": nodes_to_json(node.nodes)}
        case Not():
            return {"not": _node(node.node)}
        case InSegment():
            return {"segment": node.segment}
        case Serves():
            return {"flag": node.flag, "serves": list(node.variants)}


def _kept(kept: Kept) -> dict[str, Any]:
    return {
        "rule": kept.rule,
        "epoch": kept.epoch,
        "conditions": nodes_to_json(kept.conditions),
        **_gates(kept.gates),
        **({} if kept.hashing is None else {"hashing": _hashing(kept.hashing)}),
        "ranges": [list(part) for part in kept.ranges],
        "units": list(kept.units),
    }


def _gates(gates: tuple[Gate, ...]) -> dict[str, Any]:
    if not gates:
        return {}
    return {
        "gates": [
            {
                "kind": gate.kind.value,
                "name": gate.name,
                "hashing": _hashing(gate.hashing),
                "spans": [list(span) for span in gate.spans],
            }
            for gate in gates
        ]
    }


def _window(window: Window) -> dict[str, int]:
    known = {"start": window.start, "end": window.end}
    return {name: value for name, value in known.items() if value is not None}


def _hashing(hashing: Hashing) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "scheme": hashing.scheme.value,
        "seed": hashing.seed,
        "buckets": hashing.buckets,
    }
    return wire if hashing.attribute is None else wire | {"attribute": hashing.attribute}
