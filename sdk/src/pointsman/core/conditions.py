"""Conditions as Python source: what each operator means, spelled once, for the evaluator to compile.

Only names this module makes up enter the source; every value of the ruleset goes into a constant, so no
text of a ruleset is ever executed. A condition of scalars reads two locals: the attribute ``aN``,
reduced by ``plain`` to an exact str, int, float, bool or None, and its type ``tN``. Any other operator is a
predicate (predicates.py) of the attribute as it came, ``vN``, which is read once into a local ``pN``; or asks
whether it exists.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Final

from pointsman.core.model import Condition, Operator, Scalar
from pointsman.core.plain import PLAIN, plain
from pointsman.core.predicates import LISTS, NETWORKS, predicate_of

__all__ = ["MANY", "MAX_CONTAINING", "PLAIN", "Constants", "check_condition", "plain", "source_of"]

Constants = Callable[[object], str]
"""Keeps a constant and gives the name it has in the source."""

MANY: Final = frozenset({Operator.IN, Operator.NOT_IN}) | NETWORKS | LISTS
"""Operators that take any number of values but none."""

MAX_CONTAINING: Final = 65_536
"""Longer text contains nothing: finding text takes up to a millisecond at this length."""

_FEW: Final = 4
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
    Operator.TEXT_CONTAINS: f"len({{a}}) <= {MAX_CONTAINING} and {{c}} in {{a}}",
    Operator.TEXT_LT: "{a} < {c}",
    Operator.TEXT_GT: "{a} > {c}",
}
_SCALARS: Final = frozenset(
    {Operator.EQUALS, Operator.NOT_EQUALS, Operator.IN, Operator.NOT_IN, *_NUMBER, *_TEXT}
)
_OF_TEXT: Final = NETWORKS | {
    *_TEXT,
    *(each for each in Operator if each.startswith(("text_", "date_", "semver_"))),
}


def is_scalar(operator: Operator) -> bool:
    """Whether the operator compares scalars, so that its source reads ``aN`` and ``tN``."""
    return operator in _SCALARS


def check_condition(condition: Condition) -> str | None:
    """What is wrong with the condition's values and how to mend it, or None."""
    operator, values = condition.operator, condition.values
    if not values and operator in MANY:
        return f"{operator} needs at least one value"
    if len(values) != 1 and operator not in MANY:
        return f"{operator} needs exactly one value"
    return _check_values(condition, operator, values)


def _check_values(condition: Condition, operator: Operator, values: tuple[Scalar, ...]) -> str | None:
    if operator in _NUMBER and _kind(values[0]) is not float:
        return f"{operator} needs a number"
    if operator in _OF_TEXT and not all(isinstance(value, str) for value in values):
        return f"{operator} needs text"
    if operator is Operator.EXISTS and not isinstance(values[0], bool):
        return f"{operator} needs true or false"
    if operator not in _SCALARS and operator is not Operator.EXISTS:
        try:
            predicate_of(condition)
        except ValueError as error:
            return str(error)
    return None


def source_of(condition: Condition, local: int, keep: Constants) -> str:
    """A Python expression, true when the scalar condition holds for the attribute of this number."""
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
        values = _set(value for value in condition.values if _kind(value) is kind)
        if values:
            equal = f"{a} == {keep(next(iter(values)))}" if len(values) == 1 else f"{a} in {keep(values)}"
            tests.append(of_kind.format(a=a, t=t) + (f" and not {equal}" if negated else f" and {equal}"))
    return " or ".join(f"({test})" for test in tests)


def _set(values: Iterable[Scalar]) -> Collection[Scalar]:
    """Each value once. A tuple of a few is as quick to ask, and nothing to the garbage collector."""
    found = frozenset(values)
    return tuple(found) if len(found) <= _FEW else found


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
