"""Operators that look at more than a scalar: what each wants as its values, and asks of an attribute.

A predicate takes the attribute as the caller handed it over and never raises, whatever it is; its time is
bounded by the limits here.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from operator import eq, ge, gt, le, lt
from typing import Any, Final, TypeAlias

from pointsman.core.instants import instant_of_datetime, instant_of_text
from pointsman.core.model import Condition, Operator, Scalar
from pointsman.core.networks import contains, spans_of
from pointsman.core.plain import items_of, plain
from pointsman.core.regexes import finder
from pointsman.core.semver import precedence

Predicate: TypeAlias = Callable[[Any], bool]

MAX_TEXT: Final = 10_000
"""Longer text matches no pattern and is no date, version or address."""

_DATES: Final = {
    Operator.DATE_LT: lt,
    Operator.DATE_LE: le,
    Operator.DATE_GT: gt,
    Operator.DATE_GE: ge,
}
_VERSIONS: Final = {
    Operator.SEMVER_EQ: eq,
    Operator.SEMVER_LT: lt,
    Operator.SEMVER_LE: le,
    Operator.SEMVER_GT: gt,
    Operator.SEMVER_GE: ge,
}
LISTS: Final = frozenset({Operator.LIST_ANY, Operator.LIST_ALL})
NETWORKS: Final = frozenset({Operator.IP_IN, Operator.IP_NOT_IN})


def predicate_of(condition: Condition) -> Predicate | None:
    """The condition as a function of its attribute; None: its operator is one of the scalar ones.

    ValueError: a value this operator cannot use, and why.
    """
    make = _MAKERS.get(condition.operator)
    return None if make is None else make(condition.operator, condition.values)


def text_within_limit(value: Any) -> str | None:
    """The attribute as text no longer than MAX_TEXT; None: it is not."""
    text, kind = plain(value)
    return text if kind is str and isinstance(text, str) and len(text) <= MAX_TEXT else None


def instant_of(value: Any) -> int | None:
    """The attribute's instant: text, a datetime with an offset, or a date. None: it has none."""
    if issubclass(type(value), datetime):
        return instant_of_datetime(value)
    if issubclass(type(value), date):
        return instant_of_text(date.isoformat(value))
    text = text_within_limit(value)
    return None if text is None else instant_of_text(text)


def members(values: Iterable[Any]) -> frozenset[tuple[type, Scalar]]:
    """The scalars among these, so that EQUALS tells them apart: true is not 1, and 1 is 1.0."""
    found = set()
    for value in values:
        scalar, kind = plain(value)
        if scalar is not None and scalar == scalar:  # NaN equals nothing.
            found.add((float if kind is int else kind, scalar))
    return frozenset(found)


def _exists(_: Operator, values: tuple[Scalar, ...]) -> Predicate:
    [wanted] = values
    return (lambda value: value is not None) if wanted else (lambda value: value is None)


def _dated(operator: Operator, values: tuple[Scalar, ...]) -> Predicate:
    limit = instant_of(values[0])
    if limit is None:
        raise ValueError(f"{operator} needs a date such as 2026-11-21, or an RFC 3339 time with an offset")
    compare = _DATES[operator]

    def holds(value: Any) -> bool:
        instant = instant_of(value)
        return instant is not None and compare(instant, limit)

    return holds


def _versioned(operator: Operator, values: tuple[Scalar, ...]) -> Predicate:
    text = text_within_limit(values[0])
    limit = None if text is None else precedence(text)
    if limit is None:
        raise ValueError(f"{operator} needs a version such as 1.4.0 or 2.0.0-rc.1")
    compare: Callable[[Any, Any], bool] = _VERSIONS[operator]

    def holds(value: Any) -> bool:
        given = text_within_limit(value)
        version = None if given is None else precedence(given)
        return version is not None and compare(version, limit)

    return holds


def _networked(operator: Operator, values: tuple[Scalar, ...]) -> Predicate:
    spans = spans_of(str(value) if isinstance(value, str) else "" for value in values)
    wanted = operator is Operator.IP_IN

    def holds(value: Any) -> bool:
        address = text_within_limit(value)
        return address is not None and contains(spans, address) is wanted

    return holds


def _patterned(operator: Operator, values: tuple[Scalar, ...]) -> Predicate:
    [pattern] = values
    if not isinstance(pattern, str):
        raise ValueError(f"{operator} needs text")  # noqa: TRY004  (a problem of the ruleset, told by name)
    found = finder(pattern)

    def holds(value: Any) -> bool:
        text = text_within_limit(value)
        return text is not None and found(text)

    return holds


def _listed(operator: Operator, values: tuple[Scalar, ...]) -> Predicate:
    wanted = members(values)

    def holds(value: Any) -> bool:
        items = items_of(value)
        if items is None:
            return False
        there = members(items)
        return wanted <= there if operator is Operator.LIST_ALL else not wanted.isdisjoint(there)

    return holds


_MAKERS: Final[dict[Operator, Callable[[Operator, tuple[Scalar, ...]], Predicate]]] = {
    Operator.EXISTS: _exists,
    Operator.TEXT_MATCHES: _patterned,
    **dict.fromkeys(_DATES, _dated),
    **dict.fromkeys(_VERSIONS, _versioned),
    **dict.fromkeys(NETWORKS, _networked),
    **dict.fromkeys(LISTS, _listed),
}
