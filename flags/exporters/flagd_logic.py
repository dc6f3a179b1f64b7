"""Conditions as JSON Logic that answers as ours do, for values of every type a context may hold.

JSON Logic turns types into each other and ours never does, so most questions come with one about the type.
"""

from collections.abc import Callable, Sequence
from typing import Final

from flags.exporters.model import LeftOut, segment_nodes
from pointsman.core.model import (
    AllOf,
    AnyOf,
    Condition,
    InSegment,
    Json,
    Node,
    Not,
    Operator,
    Ruleset,
    Scalar,
    Serves,
)

_TRUTHS: Final[list[Json]] = ["True", "true", "False", "false"]


def both(parts: Sequence[Json]) -> Json:
    """All of the parts; None: there are none."""
    if len(parts) < 2:
        return parts[0] if parts else None
    return {"and": list(parts)}


def condition_of(ruleset: Ruleset, node: Node, serves: Callable[[Serves], Json]) -> Json:
    """The node as a question. LeftOut: JSON Logic has no words for it.

    ``serves`` spells questions about other flags.
    """
    match node:
        case AllOf():
            return both([condition_of(ruleset, each, serves) for each in node.nodes])
        case AnyOf():
            return {"or": [condition_of(ruleset, each, serves) for each in node.nodes]}
        case Not():
            return {"!": [condition_of(ruleset, node.node, serves)]}
        case InSegment():
            return both([condition_of(ruleset, each, serves) for each in segment_nodes(ruleset, node)])
        case Condition():
            make = _MAKERS.get(node.operator)
            if make is None:
                raise LeftOut(f"compares {node.attribute!r} by {node.operator}, which JSON Logic cannot")
            return make({"var": node.attribute}, node)
        case Serves():
            return serves(node)


def _is_text(value: Json) -> Json:
    return {"starts_with": [value, ""]}


def _is_number(value: Json) -> Json:
    # Only a number is itself after an addition, but for true and false in Python.
    return {"and": [{"===": [{"+": [value]}, value]}, {"!": [{"in": [{"cat": [value]}, _TRUTHS]}]}]}


def _is_truth(value: Json) -> Json:
    # In Python true equals 1, but is not written so; and text equals neither.
    return {"and": [{"in": [{"cat": [value]}, _TRUTHS]}, {"!": [_is_text(value)]}]}


def _equals(value: Json, wanted: Scalar) -> Json:
    if isinstance(wanted, str):
        return {"===": [value, wanted]}
    of_type = _is_truth(value) if isinstance(wanted, bool) else _is_number(value)
    return {"and": [{"===": [value, wanted]}, of_type]}


Make = Callable[[Json, Condition], Json]


def _among(value: Json, condition: Condition) -> Json:
    texts: list[Json] = [each for each in condition.values if isinstance(each, str)]
    parts: list[Json] = [_equals(value, each) for each in condition.values if not isinstance(each, str)]
    parts += [{"in": [value, texts]}] if texts else []
    return parts[0] if len(parts) == 1 else {"or": parts}


def _not_among(value: Json, condition: Condition) -> Json:
    kinds: list[Json] = []
    if any(isinstance(each, str) for each in condition.values):
        kinds.append(_is_text(value))
    if any(isinstance(each, bool) for each in condition.values):
        kinds.append(_is_truth(value))
    if any(not isinstance(each, str | bool) for each in condition.values):
        kinds.append(_is_number(value))
    return {"and": [{"or": kinds}, {"!": [_among(value, condition)]}]}


def _exists(value: Json, condition: Condition) -> Json:
    return {"!==" if condition.values[0] else "===": [value, None]}


def _order(operator: str) -> Make:
    return lambda value, condition: {
        "and": [_is_number(value), {operator: [value, condition.values[0]]}],
    }


def _affix(operator: str) -> Make:
    return lambda value, condition: {operator: [value, condition.values[0]]}


def _contains(value: Json, condition: Condition) -> Json:
    return {"and": [_is_text(value), {"in": [condition.values[0], value]}]}


def _holds(value: Json, wanted: Scalar) -> Json:
    if not isinstance(wanted, str):
        raise LeftOut("looks for something else than text in a list")
    return {"in": [wanted, value]}


def _any(value: Json, condition: Condition) -> Json:
    return {"and": [{"!": [_is_text(value)]}, {"or": [_holds(value, each) for each in condition.values]}]}


def _all(value: Json, condition: Condition) -> Json:
    return {"and": [{"!": [_is_text(value)]}, *(_holds(value, each) for each in condition.values)]}


_MAKERS: Final[dict[Operator, Make]] = {
    Operator.EQUALS: _among,
    Operator.IN: _among,
    Operator.NOT_EQUALS: _not_among,
    Operator.NOT_IN: _not_among,
    Operator.EXISTS: _exists,
    Operator.NUMBER_LT: _order("<"),
    Operator.NUMBER_LE: _order("<="),
    Operator.NUMBER_GT: _order(">"),
    Operator.NUMBER_GE: _order(">="),
    Operator.TEXT_STARTS: _affix("starts_with"),
    Operator.TEXT_ENDS: _affix("ends_with"),
    Operator.TEXT_CONTAINS: _contains,
    Operator.LIST_ANY: _any,
    Operator.LIST_ALL: _all,
}
