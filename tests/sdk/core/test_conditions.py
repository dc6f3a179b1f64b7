"""What each operator means, as a table."""

from enum import IntEnum, StrEnum

import numpy as np
import pytest

from pointsman.core.evaluation import Evaluation
from pointsman.core.model import Operator, Scalar
from tests.sdk.core.rulesets import flag, rule, ruleset, wanted_by, where

NAN, INF = float("nan"), float("inf")
O = Operator  # noqa: E741  (a table is read by its columns)


class Country(StrEnum):
    DE = "DE"


class Level(IntEnum):
    HIGH = 3


class Shouting(str):
    """Claims to equal everything."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


@pytest.mark.parametrize(
    ("operator", "values", "matching", "others"),
    [
        (O.EQUALS, ["DE"], ["DE"], ["de", "D", "DE ", "", 1, True, None, b"DE"]),
        (O.EQUALS, ["é"], ["é"], ["e\u0301"]),
        (O.EQUALS, [1], [1, 1.0], [True, "1", 2, 0, NAN]),
        (O.EQUALS, [0.1], [0.1], [0.1 + 1e-17 + 1e-16, "0.1"]),
        (O.EQUALS, [True], [True], [1, 1.0, "True", False]),
        (O.EQUALS, [False], [False], [0, 0.0, "", None]),
        (O.NOT_EQUALS, ["DE"], ["FR", ""], ["DE", 1, True, None, b"FR"]),
        (O.NOT_EQUALS, [1], [2, 0.5, -INF], [1, 1.0, True, "2", None, NAN]),
        (O.NOT_EQUALS, [True], [False], [True, 0, 2, None]),
        (O.IN, ["DE", "FR"], ["DE", "FR"], ["PT", 1, None]),
        (O.IN, ["DE", 1, True], ["DE", 1, 1.0, True], ["1", False, 0, 2]),
        (O.IN, [True, False], [True, False], [0, 1]),
        (O.IN, [0, 1, 2], [0, 1, 2.0], [True, False, 3, NAN]),
        (O.NOT_IN, ["DE", "FR"], ["PT", ""], ["DE", "FR", 1, True, None]),
        (O.NOT_IN, ["DE", 1], ["FR", 2], ["DE", 1, True, None, NAN]),
        (O.NUMBER_LT, [5], [4, 4.9, -INF], [5, 5.1, INF, NAN, "4", True, None]),
        (O.NUMBER_LE, [5], [4, 5, 5.0], [5.1, "5", True, None]),
        (O.NUMBER_GT, [5], [6, 5.1, INF, 10**400], [5, 4, NAN, "6", True, None]),
        (O.NUMBER_GE, [1], [1, 1.0, 2], [0.9, True, "2", None]),
        (O.TEXT_STARTS, ["DE"], ["DE", "DEU"], ["de", "ADE", 5, None, b"DE"]),
        (O.TEXT_ENDS, [".de"], [".de", "a.de"], [".de ", "de", 5, None]),
        (O.TEXT_CONTAINS, ["b"], ["b", "abc"], ["ac", "", ["b"], {"b": 1}, None]),
        (O.TEXT_CONTAINS, [""], ["", "a"], [5, None]),
        (O.TEXT_LT, ["b"], ["a", "", "B", "azz"], ["b", "ba", "c", 1, None]),
        (O.TEXT_GT, ["b"], ["ba", "c", "é"], ["b", "a", "B", 1, None]),
    ],
)
def test_an_operator_matches_these_and_not_the_others(
    operator: Operator, values: list[Scalar], matching: list[object], others: list[object]
) -> None:
    one = ruleset(flag(rule("r1", where("it", operator, *values))))
    evaluation = Evaluation(one)

    def matches(value: object) -> bool:
        choice = evaluation.choose("digit-reader", "user-42", {"it": value}, None)
        assert choice.error is None
        return choice.rule == "r1"

    assert [value for value in matching if not matches(value)] == []
    assert [value for value in others if matches(value)] == []


@pytest.mark.parametrize("operator", Operator)
def test_a_missing_attribute_never_matches(operator: Operator) -> None:
    wanted = wanted_by(operator)
    evaluation = Evaluation(ruleset(flag(rule("r1", where("it", operator, wanted)))))

    for context in ({}, None, {"other": wanted}):
        assert evaluation.choose("digit-reader", "user-42", context, None).rule is None


def test_subclasses_of_text_and_numbers_are_taken_for_what_they_hold() -> None:
    def matches(value: object, operator: Operator, wanted: Scalar) -> bool:
        evaluation = Evaluation(ruleset(flag(rule("r1", where("it", operator, wanted)))))
        return evaluation.choose("digit-reader", "user-42", {"it": value}, None).rule == "r1"

    assert matches(Country.DE, Operator.EQUALS, "DE")
    assert matches(np.str_("DE"), Operator.EQUALS, "DE")
    assert matches(Level.HIGH, Operator.NUMBER_GE, 3)
    assert matches(np.float64(0.5), Operator.NUMBER_LT, 1)
    assert not matches(Shouting("FR"), Operator.EQUALS, "DE")
