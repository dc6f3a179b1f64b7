"""Conditions as Python source: what each operator means, spelled once, for the evaluator to compile.

Only names this module makes up enter the source; every value of the ruleset goes into a constant, so no
text of a ruleset is ever executed. In the source a condition reads two locals: the attribute ``aN``, reduced
by ``plain`` to an exact str, int, float, bool or None, and its type ``tN``.
"""

from collections.abc import Callable
from typing import Any, Final

from pointsman.core.model import Condition, Operator, Scalar

Constants = Callable[[object], str]
"""Keeps a constant and gives the name it has in the source."""

PLAIN: Final = frozenset((str, int, float, bool, type(None)))

_LISTS: Final = (Operator.IN, Operator.NOT_IN)
_NEGATED: Final = (Operator.NOT_EQUALS, Operator.NOT_IN)
_NUMBER: Final = {
    Operator.NUMBER_LT: "{a} < {c}",
    Operator.NUMBER_LE: "{a} <= {c}",
    Operator.NUMBER_GT: "{a} > {c}",
    Operator.NUMBER_GE: "{a} >= {c}",
}
_TEXT: Final = {
    Operator.TEXT_STARTS: "{a}.startswith({c})",
    Operator.TEXT_ENDS: "{a}.endswith({c})",
    Operator.TEXT_CONTAINS: "{c} in {a}",
    Operator.TEXT_LT: "{a} < {c}",
    Operator.TEXT_GT: "{a} > {c}",
}


def check_condition(condition: Condition) -> str | None:
    """What is wrong with the condition's values and how to mend it, or None."""
    if condition.operator in _LISTS:
        return None if condition.values else f"{condition.operator} needs at least one value"
    if len(condition.values) != 1:
        return f"{condition.operator} needs exactly one value"
    kind = _kind(condition.values[0])
    if condition.operator in _NUMBER and kind is not float:
        return f"{condition.operator} needs a number"
    if condition.operator in _TEXT and kind is not str:
        return f"{condition.operator} needs text"
    return None


def plain(value: Any) -> tuple[Scalar | None, type]:
    """The attribute as an exact built-in scalar, and its type; None for what no condition can match.

    Subclasses (``StrEnum``, ``numpy.float64``, ``numpy.str_``) become their base, whatever they override.
    """
    # By type(), not isinstance(): an object may lie about its __class__, or raise when asked.
    if issubclass(type(value), str):
        return str.__str__(value), str
    if issubclass(type(value), int):  # Never bool, which is in PLAIN and cannot be subclassed.
        return int.__index__(value), int
    if issubclass(type(value), float):
        return float.__float__(value), float
    return None, type(None)


def source_of(condition: Condition, local: int, keep: Constants) -> str:
    """A Python expression, true when the condition holds for attribute ``a{local}``."""
    a, t = f"a{local}", f"t{local}"
    if condition.operator in _NUMBER:
        comparison = _NUMBER[condition.operator].format(a=a, c=keep(condition.values[0]))
        return f"({t} is float or {t} is int) and {comparison}"
    if condition.operator in _TEXT:
        comparison = _TEXT[condition.operator].format(a=a, c=keep(condition.values[0]))
        return f"{t} is str and {comparison}"
    return _membership(condition, a, t, keep)


def _membership(condition: Condition, a: str, t: str, keep: Constants) -> str:
    negated = condition.operator in _NEGATED
    tests = []
    for kind, of_kind in _KINDS.items():
        values = frozenset(value for value in condition.values if _kind(value) is kind)
        if values:
            equal = f"{a} == {keep(next(iter(values)))}" if len(values) == 1 else f"{a} in {keep(values)}"
            tests.append(of_kind.format(a=a, t=t) + (f" and not {equal}" if negated else f" and {equal}"))
    return " or ".join(f"({test})" for test in tests)


# One test of type for each kind of value; NaN is a number nothing can match, not even by NOT_*.
_KINDS: Final[dict[type, str]] = {
    str: "{t} is str",
    float: "({t} is float or {t} is int) and {a} == {a}",
    bool: "{t} is bool",
}


def _kind(value: Scalar) -> type:
    if isinstance(value, bool):
        return bool
    return str if isinstance(value, str) else float
