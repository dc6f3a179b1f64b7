"""Trees of conditions as JSON, both ways."""

from collections.abc import Sequence
from typing import Any, Final

from pointsman.core.conditions import check_condition
from pointsman.core.model import (
    AllOf,
    AnyOf,
    Condition,
    InSegment,
    Node,
    Not,
    Operator,
    Serves,
)
from pointsman.core.reading import each, member, name, plain_scalar, record, required
from pointsman.errors import CodecError

MAX_DEPTH: Final = 10
MAX_NODES: Final = 200
"""In all the trees of one rule, kept entry or segment."""

_OPERATORS: Final = {operator.value: operator for operator in Operator}
_CONDITION: Final = frozenset({"attribute", "operator", "values"})
_SERVES: Final = frozenset({"flag", "serves"})
_ALL: Final = frozenset({"all"})
_ANY: Final = frozenset({"any"})
_NOT: Final = frozenset({"not"})
_SEGMENT: Final = frozenset({"segment"})


def node_to_wire(node: Node) -> dict[str, object]:
    """The node as JSON."""
    match node:
        case Condition():
            return {"attribute": node.attribute, "operator": node.operator, "values": list(node.values)}
        case AllOf(nodes):
            return {"all": nodes_to_wire(nodes)}
        case AnyOf(nodes):
            return {"any": nodes_to_wire(nodes)}
        case Not(inner):
            return {"not": node_to_wire(inner)}
        case InSegment(segment):
            return {"segment": segment}
        case Serves():
            return serves_to_wire(node)


def nodes_to_wire(nodes: Sequence[Node]) -> list[dict[str, object]]:
    """The nodes as JSON."""
    return [node_to_wire(node) for node in nodes]


def serves_to_wire(asked: Serves) -> dict[str, object]:
    """What is asked of another flag, as JSON."""
    return {"flag": asked.flag, "serves": list(asked.variants)}


def read_nodes(raw: object) -> tuple[Node, ...]:
    """The trees of one rule. CodecError: over MAX_NODES or MAX_DEPTH, or anything unknown."""
    if isinstance(raw, list) and _is_flat(raw):  # Most rules: nothing to count but the list itself.
        if len(raw) > MAX_NODES:
            raise CodecError("", f"holds over {MAX_NODES} conditions")
        return each(raw, read_condition)
    budget = [MAX_NODES]
    return each(raw, lambda node: _read(node, 1, budget))


def read_condition(raw: object) -> Condition:
    """One condition. CodecError: also values that its operator cannot use."""
    wire = record(raw, _CONDITION, _CONDITION)
    condition = Condition(
        attribute=required(wire, "attribute", name),
        operator=required(wire, "operator", _operator),
        values=required(wire, "values", _values),
    )
    problem = check_condition(condition)
    if problem:
        raise CodecError("values", problem)
    return condition


def read_serves(raw: object) -> Serves:
    """What is asked of another flag."""
    wire = record(raw, _SERVES, _SERVES)
    variants = required(wire, "serves", lambda names: each(names, name))
    if not variants:
        raise CodecError("serves", "names no variant; name at least one")
    return Serves(required(wire, "flag", name), variants)


def _is_flat(raw: list[Any]) -> bool:
    return all(type(node) is not dict or "attribute" in node for node in raw)


def _read(raw: object, depth: int, budget: list[int]) -> Node:
    budget[0] -= 1
    if budget[0] < 0:
        raise CodecError("", f"holds over {MAX_NODES} conditions")
    if depth > MAX_DEPTH:
        raise CodecError("", f"is nested deeper than {MAX_DEPTH}")
    keys = raw.keys() if type(raw) is dict else frozenset()
    if "all" in keys:
        return AllOf(_inner(record(raw, _ALL, _ALL), "all", depth, budget))
    if "any" in keys:
        return AnyOf(_inner(record(raw, _ANY, _ANY), "any", depth, budget))
    if "not" in keys:
        wire = record(raw, _NOT, _NOT)
        return Not(required(wire, "not", lambda node: _read(node, depth + 1, budget)))
    if "segment" in keys:
        return InSegment(required(record(raw, _SEGMENT, _SEGMENT), "segment", name))
    return read_serves(raw) if "flag" in keys else read_condition(raw)


def _inner(wire: dict[str, Any], field: str, depth: int, budget: list[int]) -> tuple[Node, ...]:
    nodes = required(wire, field, lambda raw: each(raw, lambda node: _read(node, depth + 1, budget)))
    if not nodes:
        raise CodecError(field, "needs at least one condition")
    return nodes


def _operator(raw: object) -> Operator:
    return member(_OPERATORS, raw)


def _values(raw: object) -> tuple[bool | int | float | str, ...]:
    return each(raw, plain_scalar)
