"""Conditions as GrowthBook's, for values of every type a context may hold."""

import re
from collections.abc import Callable
from typing import Final

from flags.exporters.model import LeftOut, Object, segment_nodes
from pointsman.core.model import AllOf, AnyOf, Condition, InSegment, Json, Node, Not, Operator, Ruleset

_SPECIAL: Final = re.compile(r"([.*+?^${}()|\[\]\\/])")
# The very end, in JavaScript as in Python, whose "$" also stands before a last line feed.
_END: Final = "(?![\\s\\S])"


def condition_of(ruleset: Ruleset, node: Node) -> Object:
    """The node as a condition. LeftOut: GrowthBook cannot ask that exactly."""
    match node:
        case AllOf():
            return {"$and": [condition_of(ruleset, each) for each in node.nodes]}
        case AnyOf():
            return {"$or": [condition_of(ruleset, each) for each in node.nodes]}
        case Not():
            return {"$not": condition_of(ruleset, node.node)}
        case InSegment():
            return {"$and": [condition_of(ruleset, each) for each in segment_nodes(ruleset, node)]}
        case Condition():
            make = _MAKERS.get(node.operator)
            if make is None:
                raise LeftOut(f"compares {node.attribute!r} by {node.operator}, which GrowthBook cannot")
            return make(node)
        case _:
            raise LeftOut("asks what other flags serve")


Make = Callable[[Condition], Object]


def _equals(condition: Condition) -> Object:
    return {condition.attribute: {"$eq": condition.values[0]}}


def _among(condition: Condition) -> Object:
    # There, a list that holds one of the values is among them too.
    return {condition.attribute: {"$in": list(condition.values), "$not": {"$type": "array"}}}


def _not_among(condition: Condition) -> Object:
    name = condition.attribute
    kinds = sorted({_type_of(value) for value in condition.values})
    of_kind: Json = [{name: {"$type": kind}} for kind in kinds]
    return {"$and": [{"$or": of_kind}, {name: {"$nin": list(condition.values)}}]}


def _type_of(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def _exists(condition: Condition) -> Object:
    return {condition.attribute: {"$exists": condition.values[0]}}


def _number(operator: str) -> Make:
    return lambda condition: {condition.attribute: {"$type": "number", operator: condition.values[0]}}


def _pattern(shape: str) -> Make:
    def make(condition: Condition) -> Object:
        spelled = _SPECIAL.sub(r"\\\1", str(condition.values[0]))
        return {condition.attribute: {"$type": "string", "$regex": shape.replace("TEXT", spelled)}}

    return make


def _any(condition: Condition) -> Object:
    return {condition.attribute: {"$elemMatch": {"$in": list(condition.values)}}}


def _all(condition: Condition) -> Object:
    return {condition.attribute: {"$all": list(condition.values)}}


_MAKERS: Final[dict[Operator, Make]] = {
    Operator.EQUALS: _equals,
    Operator.IN: _among,
    Operator.NOT_EQUALS: _not_among,
    Operator.NOT_IN: _not_among,
    Operator.EXISTS: _exists,
    Operator.NUMBER_LT: _number("$lt"),
    Operator.NUMBER_LE: _number("$lte"),
    Operator.NUMBER_GT: _number("$gt"),
    Operator.NUMBER_GE: _number("$gte"),
    Operator.TEXT_STARTS: _pattern("^TEXT"),
    Operator.TEXT_ENDS: _pattern(f"TEXT{_END}"),
    Operator.TEXT_CONTAINS: _pattern("TEXT"),
    Operator.LIST_ANY: _any,
    Operator.LIST_ALL: _all,
}
