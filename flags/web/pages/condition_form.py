"""One line of a rule's conditions as people type it, and the node it means. Pure."""

import json
from dataclasses import dataclass
from typing import Final

from flags.web.pages.forms import typed_json
from pointsman.core.model import Condition, InSegment, Node, Not, Operator, Scalar, Serves
from runtime.errors import Invalid

VALUE_TYPES: Final = ("text", "number", "boolean", "json")
IN_SEGMENT: Final = "segment"
NOT_IN_SEGMENT: Final = "not_segment"
SERVES: Final = "serves"

MANY: Final = frozenset(
    {Operator.IN, Operator.NOT_IN, Operator.IP_IN, Operator.IP_NOT_IN, Operator.LIST_ANY, Operator.LIST_ALL}
)
_TRUTHS: Final = {"true": True, "false": False}
_TYPE_OF: Final = {
    "number": "number",
    "text": "text",
    "date": "text",
    "semver": "text",
    "ip": "text",
    "exists": "boolean",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionRow:
    """One condition as typed; ``values`` are separated by commas.

    For a segment ``values`` is its key; for another flag ``attribute`` is its key, ``values`` its variants.
    """

    attribute: str = ""
    operator: str = Operator.EQUALS.value
    type: str = "text"
    values: str = ""


def node_of(row: ConditionRow, prefix: str) -> Node:
    """What the line means. Invalid: names the form's field."""
    if row.operator in (IN_SEGMENT, NOT_IN_SEGMENT):
        inside = InSegment(row.values.strip())
        return inside if row.operator == IN_SEGMENT else Not(inside)
    if row.operator == SERVES:
        variants = tuple(text.strip() for text in row.values.split(",") if text.strip())
        return Serves(row.attribute, variants)
    return _condition(row, prefix)


def row_of(node: Node) -> ConditionRow | None:
    """The line that means this node; None: no line can."""
    match node:
        case Condition():
            return _condition_row(node)
        case InSegment():
            return ConditionRow(operator=IN_SEGMENT, values=node.segment)
        case Not(InSegment(segment=segment)):
            return ConditionRow(operator=NOT_IN_SEGMENT, values=segment)
        case Serves():
            return ConditionRow(attribute=node.flag, operator=SERVES, values=", ".join(node.variants))
        case _:
            return None


def _condition(row: ConditionRow, prefix: str) -> Condition:
    if row.operator not in list(Operator):
        raise Invalid(f"{prefix}-operator", "choose one of the list")
    operator = Operator(row.operator)
    many = operator in MANY
    if row.type == "json":
        return Condition(
            attribute=row.attribute, operator=operator, values=_json_values(row.values, f"{prefix}-values")
        )
    texts = [text.strip() for text in row.values.split(",")] if many else [row.values.strip()]
    kind = _TYPE_OF.get(operator.partition("_")[0], row.type)
    values = tuple(_scalar(text, kind, f"{prefix}-values") for text in texts if text or not many)
    return Condition(attribute=row.attribute, operator=operator, values=values)


def _scalar(text: str, kind: str, name: str) -> Scalar:
    if kind == "number":
        try:
            return int(text) if text.lstrip("+-").isdecimal() else float(text)
        except ValueError:
            raise Invalid(name, f"{text[:80]!r} is not a number") from None
    if kind == "boolean":
        if text.lower() not in _TRUTHS:
            raise Invalid(name, f"{text[:80]!r} is neither true nor false")
        return _TRUTHS[text.lower()]
    return text


def _json_values(text: str, name: str) -> tuple[Scalar, ...]:
    try:
        values = typed_json(text)
    except (ValueError, RecursionError):
        values = None
    if isinstance(values, list):
        scalars = [each for each in values if isinstance(each, Scalar)]
        if len(scalars) == len(values):
            return tuple(scalars)
    raise Invalid(name, 'is not a JSON list of texts, numbers and truth values, such as ["a, b", 3]')


def _condition_row(condition: Condition) -> ConditionRow:
    kind = _kind_of(condition.values)
    values = (
        json.dumps(list(condition.values), ensure_ascii=False)
        if kind == "json"
        else ", ".join(value if isinstance(value, str) else json.dumps(value) for value in condition.values)
    )
    return ConditionRow(
        attribute=condition.attribute, operator=condition.operator.value, type=kind, values=values
    )


def _kind_of(values: tuple[Scalar, ...]) -> str:
    """The plainest way to show the values from which the form reads the very same ones back."""
    kinds = {"boolean" if isinstance(v, bool) else "text" if isinstance(v, str) else "number" for v in values}
    texts = [value for value in values if isinstance(value, str)]
    if len(kinds) != 1 or any("," in text or text != text.strip() or not text for text in texts):
        return "json"
    return kinds.pop()
