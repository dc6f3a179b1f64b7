"""Flags that are plainly in order, told from their JSON without building them. Pure.

Most flags ask for nothing unusual. Reading them whole, only to spell them again, is two thirds of the work of
compiling a ruleset of 10,000. What this does not know is not wrong: it is read whole.
"""

from collections.abc import Mapping
from typing import Any, Final

from pointsman.core.bucketing import BUCKETS
from pointsman.core.hashing import MOST_BUCKETS
from pointsman.core.model import GateKind, Kind, Operator, Scheme
from pointsman.core.nodes import MAX_NODES
from pointsman.core.payload import MAX_DEPTH

_CONDITION: Final = {"attribute", "operator", "values"}
_RULE: Final = {"id", "conditions", "split"}
_RULE_WITH_GATES: Final = _RULE | {"gates"}
_GATE: Final = {"kind", "name", "hashing", "spans"}
_HASHING: Final = {"scheme", "seed", "buckets"}
_NO_GATES: Final = ()
_GATE_KINDS: Final = {kind.value for kind in GateKind}
_SCALARS: Final = frozenset({str, int, float, bool})
_PAYLOADS: Final[Mapping[str, frozenset[type]]] = {
    Kind.BOOLEAN.value: frozenset({bool}),
    Kind.STRING.value: frozenset({str}),
    Kind.NUMBER.value: frozenset({int, float}),
    Kind.MODEL.value: frozenset({dict}),
    Kind.JSON.value: frozenset({dict, list, str, int, float, bool, type(None)}),
}
_MANY: Final = frozenset({Operator.IN.value, Operator.NOT_IN.value})
_VALUES: Final[Mapping[str, frozenset[type]]] = {
    **dict.fromkeys((*_MANY, Operator.EQUALS.value, Operator.NOT_EQUALS.value), _SCALARS),
    **{
        each.value: frozenset({int, float})
        for each in (Operator.NUMBER_LT, Operator.NUMBER_LE, Operator.NUMBER_GT, Operator.NUMBER_GE)
    },
    **{
        each.value: frozenset({str})
        for each in (
            Operator.TEXT_STARTS,
            Operator.TEXT_ENDS,
            Operator.TEXT_CONTAINS,
            Operator.TEXT_LT,
            Operator.TEXT_GT,
        )
    },
    Operator.EXISTS.value: frozenset({bool}),
}


def is_plain(wire: Mapping[str, Any], spelled: str) -> bool:
    """Whether ``read_flag`` takes this JSON of a flag for certain, and spells it in just these members.

    Left to whoever spells it: finite numbers and Unicode text, which JSON's encoder and UTF-8 refuse.
    The members of the flag itself have their columns' types. ``spelled`` is the text of its variants.
    """
    variants, rules = wire["variants"], wire["rules"]
    if type(variants) is not dict or type(rules) is not list or "" in variants:
        return False
    # So few braces cannot be nested too deep.
    if spelled.count("{") + spelled.count("[") > MAX_DEPTH:
        return False
    fitting = _PAYLOADS.get(wire["kind"])
    if fitting is None or any(type(payload) not in fitting for payload in variants.values()):
        return False
    if wire["off"] not in variants or wire["default"] not in variants:
        return False
    return all(_is_rule(rule, variants) for rule in rules) and (
        len(rules) < 2 or len({rule["id"] for rule in rules}) == len(rules)
    )


def _is_rule(rule: Any, variants: Mapping[str, object]) -> bool:
    if type(rule) is not dict or (rule.keys() != _RULE and rule.keys() != _RULE_WITH_GATES):
        return False
    conditions, gates = rule["conditions"], rule.get("gates", _NO_GATES)
    return (
        type(rule["id"]) is str
        and rule["id"] != ""
        and type(conditions) is list
        and len(conditions) <= MAX_NODES
        and all(map(_is_condition, conditions))
        and _is_split(rule["split"], variants)
        and (gates is _NO_GATES or (type(gates) is list and gates != [] and all(map(_is_gate, gates))))
    )


def _is_condition(node: Any) -> bool:
    if type(node) is not dict or node.keys() != _CONDITION:
        return False
    attribute, operator, values = node["attribute"], node["operator"], node["values"]
    if type(attribute) is not str or not attribute or type(operator) is not str or type(values) is not list:
        return False
    fitting = _VALUES.get(operator)
    if fitting is None or not values or (len(values) != 1 and operator not in _MANY):
        return False
    return all(type(value) in fitting for value in values)


def _is_split(split: Any, variants: Mapping[str, object]) -> bool:
    if type(split) is not list:
        return False
    at = 0
    for part in split:
        if type(part) is not list or len(part) != 3:
            return False
        start, end, variant = part
        if type(start) is not int or type(end) is not int or start != at or end <= start:
            return False
        if type(variant) is not str or variant not in variants:
            return False
        at = end
    return at == BUCKETS


def _is_gate(gate: Any) -> bool:
    if type(gate) is not dict or gate.keys() != _GATE:
        return False
    kind, hashing, spans = gate["kind"], gate["hashing"], gate["spans"]
    if type(kind) is not str or kind not in _GATE_KINDS or type(gate["name"]) is not str:
        return False
    if type(hashing) is not dict or hashing.keys() != _HASHING or type(spans) is not list:
        return False
    buckets = hashing["buckets"]
    return (
        hashing["scheme"] == Scheme.POINTSMAN.value
        and type(hashing["seed"]) is str
        and type(buckets) is int
        and 1 <= buckets <= MOST_BUCKETS
        and _are_spans(spans, buckets)
    )


def _are_spans(spans: list[Any], buckets: int) -> bool:
    at = 0
    for span in spans:
        if type(span) is not list or len(span) != 2:
            return False
        start, end = span
        if type(start) is not int or type(end) is not int or start < at or end <= start:
            return False
        at = end
    return at <= buckets
