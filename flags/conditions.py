"""Whether a condition can be evaluated: its attribute's name, and values its operator can compare."""

import math
from collections.abc import Iterator
from typing import Final

from flags import limits
from flags.payloads import Problem, text_problem
from pointsman.core.conditions import MANY
from pointsman.core.conditions import check_condition as evaluable
from pointsman.core.model import Condition, Operator, Scalar

_NUMERIC: Final = frozenset(name for name in Operator if name.startswith("number_"))
_TEXTUAL: Final = frozenset(name for name in Operator if name.startswith("text_"))


def check_condition(condition: Condition, field: str) -> Iterator[Problem]:
    """Every problem of one condition."""
    yield from _attribute_problems(condition.attribute, f"{field}.attribute")
    problems = [*_count_problems(condition, f"{field}.values")]
    for index, value in enumerate(condition.values[: limits.VALUES_PER_CONDITION]):
        problems += _value_problems(condition.operator, value, f"{field}.values.{index}")
    yield from problems
    if not problems and (unknown := evaluable(condition)):
        yield Problem(f"{field}.values", unknown)


def _attribute_problems(attribute: str, field: str) -> Iterator[Problem]:
    if not 1 <= len(attribute) <= limits.ATTRIBUTE_CHARACTERS:
        yield Problem(field, f"needs 1 to {limits.ATTRIBUTE_CHARACTERS} characters")
    problem = text_problem(attribute)
    if problem:
        yield Problem(field, problem)


def _count_problems(condition: Condition, field: str) -> Iterator[Problem]:
    count = len(condition.values)
    if condition.operator in MANY:
        if not 1 <= count <= limits.VALUES_PER_CONDITION:
            yield Problem(field, f"needs 1 to {limits.VALUES_PER_CONDITION} values, not {count}")
    elif count != 1:
        yield Problem(field, f"needs exactly one value for {condition.operator}, not {count}")


def _value_problems(operator: Operator, value: Scalar, field: str) -> Iterator[Problem]:
    if isinstance(value, str):
        if len(value) > limits.VALUE_CHARACTERS:
            yield Problem(field, f"has more than {limits.VALUE_CHARACTERS} characters")
        problem = text_problem(value)
        if problem:
            yield Problem(field, problem)
    if operator in _TEXTUAL and not isinstance(value, str):
        yield Problem(field, f"must be text, for {operator} compares text")
    if operator in _NUMERIC and (isinstance(value, bool) or not isinstance(value, int | float)):
        yield Problem(field, f"must be a number, for {operator} compares numbers")
    yield from _number_problems(value, field)


def _number_problems(value: Scalar, field: str) -> Iterator[Problem]:
    if isinstance(value, float) and not math.isfinite(value):
        yield Problem(field, "must be a finite number")
    if isinstance(value, int) and abs(value) > limits.MOST_EXACT_INTEGER:
        yield Problem(field, "is a whole number beyond 2^53; compare it as text")
