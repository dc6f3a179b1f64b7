"""Whether one condition holds for one value, and why: read slowly from the operators' own words.

The evaluator compiles conditions (conditions.py); this is the second reading that ``explain`` shows and that
the tests hold the first one against.
"""

from collections.abc import Callable
from enum import StrEnum
from operator import eq, ge, gt, le, lt
from typing import Any, Final

from pointsman.core.conditions import MANY, MAX_CONTAINING
from pointsman.core.model import Condition, Operator, Scalar
from pointsman.core.networks import contains, spans_of
from pointsman.core.plain import plain
from pointsman.core.predicates import (
    instant_of,
    members,
    members_of,
    network_address_of,
    text_within,
    version_of,
)
from pointsman.core.regexes import MAX_SEARCHED, finder


class Why(StrEnum):
    """Why something holds or does not."""

    HOLDS = "holds"
    DIFFERS = "differs"
    """It was compared, and is not as asked."""
    MISSING = "missing"
    """There is no such attribute, or it is null."""
    WRONG_TYPE = "wrong_type"
    """The operator cannot compare a value of this type, form or size."""
    UNKNOWN = "unknown"
    """It cannot be told: a unit set is not loaded, or there is no clock."""


def verdict(condition: Condition, value: Any) -> Why:
    """Whether the condition holds for the attribute's value, None where it is missing."""
    operator = condition.operator
    if operator is Operator.EXISTS:
        if (value is not None) == condition.values[0]:
            return Why.HOLDS
        return Why.MISSING if value is None else Why.DIFFERS
    if value is None:
        return Why.MISSING
    answer = _of_many(condition, value) if operator in _MANY else _of_one(condition, value)
    if answer is None:
        return Why.WRONG_TYPE
    return Why.HOLDS if answer else Why.DIFFERS


def _of_one(condition: Condition, value: Any) -> bool | None:
    """A comparison with the one value; None: they cannot be compared."""
    family, _, comparison = condition.operator.partition("_")
    given, wanted = _READ[family](value), _READ[family](condition.values[0])
    if condition.operator in _LONGEST:
        given, wanted = text_within(value, _LONGEST[condition.operator]), condition.values[0]
    return None if given is None else _COMPARE[comparison](given, wanted)


def _of_many(condition: Condition, value: Any) -> bool | None:
    operator, values = condition.operator, condition.values
    if operator in (Operator.LIST_ANY, Operator.LIST_ALL):
        there = members_of(value)
        if there is None:
            return None
        found = [bool(members([wanted]) & there) for wanted in values]
        return any(found) if operator is Operator.LIST_ANY else all(found)
    if operator in (Operator.IP_IN, Operator.IP_NOT_IN):
        address = network_address_of(value)
        inside = None if address is None else contains(spans_of(map(str, values)), address)
        return None if inside is None else inside is (operator is Operator.IP_IN)
    return _equality(operator, values, value)


def _equality(operator: Operator, values: tuple[Scalar, ...], value: Any) -> bool | None:
    scalar, kind = plain(value)
    alike = [wanted for wanted in values if _family(type(wanted)) is _family(kind)]
    if scalar is None or not alike:
        return None
    if scalar != scalar:  # NaN neither equals nor differs.
        return False
    negated = operator in (Operator.NOT_EQUALS, Operator.NOT_IN)
    return any(scalar == wanted for wanted in alike) is not negated


def _family(kind: type) -> type:
    return float if kind is int else kind


def _number(value: Any) -> int | float | None:
    scalar, kind = plain(value)
    return scalar if kind in (int, float) and not isinstance(scalar, str) else None


def _text(value: Any) -> str | None:
    scalar, _ = plain(value)
    return scalar if isinstance(scalar, str) else None


_MANY: Final = MANY | {Operator.EQUALS, Operator.NOT_EQUALS}
_LONGEST: Final = {Operator.TEXT_MATCHES: MAX_SEARCHED, Operator.TEXT_CONTAINS: MAX_CONTAINING}
_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "number": _number,
    "text": _text,
    "date": instant_of,
    "semver": version_of,
}
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": eq,
    "lt": lt,
    "le": le,
    "gt": gt,
    "ge": ge,
    "starts": lambda text, wanted: text[: len(wanted)] == wanted,
    "ends": lambda text, wanted: not wanted or text[-len(wanted) :] == wanted,
    "contains": lambda text, wanted: text.find(wanted) >= 0,
    "matches": lambda text, pattern: finder(pattern)(text),
}
