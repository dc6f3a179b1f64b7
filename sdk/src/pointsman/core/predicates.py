"""Operators that look at more than a scalar: how each reads an attribute, and what it asks of the reading.

Reading takes the attribute as the caller handed it over and never raises, whatever it is. It is the costly
part, in time bounded by the limits here, and is done once for all conditions that read an attribute alike.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from operator import eq, ge, gt, le, lt
from typing import Any, Final, NamedTuple, TypeAlias

from pointsman.core.instants import instant_of_datetime, instant_of_text
from pointsman.core.model import Condition, Operator, Scalar
from pointsman.core.networks import Address, address_of, contains, spans_of
from pointsman.core.plain import items_of, plain
from pointsman.core.regexes import MAX_SEARCHED, finder
from pointsman.core.semver import Precedence, precedence

Members: TypeAlias = frozenset[tuple[type, Scalar]]
"""Scalars with their types, so that true is not 1."""

MAX_TEXT: Final = 128
"""Longer text is no date, version or address."""


class Predicate(NamedTuple):
    """One condition as two functions."""

    way: object
    """What names the reading: conditions of one attribute and one way share it."""
    read: Callable[[Any], Any]
    """From the attribute to what ``asks`` takes; None: no such condition holds for it."""
    asks: Callable[[Any], bool] | None
    """Whether the condition holds for what was read; None: that is the answer itself."""


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


def predicate_of(condition: Condition) -> Predicate:
    """The condition as functions of its attribute; its operator is neither EXISTS nor a scalar one.

    ValueError: a value this operator cannot use, and why.
    """
    return _MAKERS[condition.operator](condition.operator, condition.values)


def text_within(value: Any, most: int) -> str | None:
    """The attribute as text of at most so many characters; None: it is not."""
    text, kind = plain(value)
    return text if kind is str and isinstance(text, str) and len(text) <= most else None


def instant_of(value: Any) -> int | None:
    """The attribute's instant: text, a datetime with an offset, or a date. None: it has none."""
    if issubclass(type(value), datetime):
        return instant_of_datetime(value)
    if issubclass(type(value), date):
        return instant_of_text(date.isoformat(value))
    text = text_within(value, MAX_TEXT)
    return None if text is None else instant_of_text(text)


def version_of(value: Any) -> Precedence | None:
    """The attribute's version; None: it is none."""
    text = text_within(value, MAX_TEXT)
    return None if text is None else precedence(text)


def network_address_of(value: Any) -> Address | None:
    """The attribute's network address; None: it is none."""
    text = text_within(value, MAX_TEXT)
    return None if text is None else address_of(text)


def members_of(value: Any) -> Members | None:
    """The scalars in the attribute, a list, tuple or set of bounded length; None: it is none."""
    items = items_of(value)
    return None if items is None else members(items)


def members(values: Iterable[Any]) -> Members:
    """The scalars among these, so that EQUALS tells them apart: true is not 1, and 1 is 1.0."""
    found = set()
    for value in values:
        scalar, kind = plain(value)
        if scalar is not None and scalar == scalar:  # NaN equals nothing.
            found.add((float if kind is int else kind, scalar))
    return frozenset(found)


def _dated(operator: Operator, values: tuple[Scalar, ...]) -> Predicate:
    limit = instant_of(values[0])
    if limit is None:
        raise ValueError(f"{operator} needs a date such as 2026-11-21, or an RFC 3339 time with an offset")
    compare = _DATES[operator]
    return Predicate(instant_of, instant_of, lambda instant: compare(instant, limit))


def _versioned(operator: Operator, values: tuple[Scalar, ...]) -> Predicate:
    limit = version_of(values[0])
    if limit is None:
        raise ValueError(f"{operator} needs a version such as 1.4.0 or 2.0.0-rc.1")
    compare: Callable[[Any, Any], bool] = _VERSIONS[operator]
    return Predicate(version_of, version_of, lambda version: compare(version, limit))


def _networked(operator: Operator, values: tuple[Scalar, ...]) -> Predicate:
    spans = spans_of(str(value) if isinstance(value, str) else "" for value in values)
    wanted = operator is Operator.IP_IN
    return Predicate(
        network_address_of, network_address_of, lambda address: contains(spans, address) is wanted
    )


def _patterned(operator: Operator, values: tuple[Scalar, ...]) -> Predicate:
    [pattern] = values
    if not isinstance(pattern, str):
        raise ValueError(f"{operator} needs text")  # noqa: TRY004  (a problem of the ruleset, told by name)
    found = finder(pattern)

    def holds(value: Any) -> bool:
        text = text_within(value, MAX_SEARCHED)
        return text is not None and found(text)

    return Predicate((operator, pattern), holds, None)


def _listed(operator: Operator, values: tuple[Scalar, ...]) -> Predicate:
    wanted = members(values)
    asks: Callable[[Members], bool] = (
        wanted.issubset if operator is Operator.LIST_ALL else lambda there: not wanted.isdisjoint(there)
    )
    return Predicate(members_of, members_of, asks)


_MAKERS: Final[dict[Operator, Callable[[Operator, tuple[Scalar, ...]], Predicate]]] = {
    Operator.TEXT_MATCHES: _patterned,
    **dict.fromkeys(_DATES, _dated),
    **dict.fromkeys(_VERSIONS, _versioned),
    **dict.fromkeys(NETWORKS, _networked),
    **dict.fromkeys(LISTS, _listed),
}
