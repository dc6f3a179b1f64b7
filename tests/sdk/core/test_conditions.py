"""What each operator means, as a table."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import IntEnum, StrEnum

import numpy as np
import pytest

from pointsman.core.conditions import check_condition
from pointsman.core.evaluation import Evaluation
from pointsman.core.model import Operator, Scalar
from tests.sdk.core.hostile import BrokenMapping
from tests.sdk.core.rulesets import flag, rule, ruleset, wanted_by, where

NAN, INF = float("nan"), float("inf")
DAYS: list[object] = ["2026-11-21", "2026-11-21T00:00:00Z", "2026-11-21t01:00:00z", "9999-12-31"]
NO_DATES: list[object] = [
    *("2026", "2026-13-01", "2026-02-29", "2026-11-21T00:00:00", "2026-11-21T24:00:00Z", "0000-01-01"),
    *("2026-11-21T00:00:00+24:00", "2026-11-21T00:00:61Z", " 2026-11-21", "٢٠٢٦-11-21", 1e9, None),
    datetime(2026, 1, 1),  # noqa: DTZ001  (a time without a zone is the point)
]
NO_ADDRESSES: list[object] = [
    "11.0.0.1",
    "010.0.0.1",
    "10.1.2.3/32",
    "10.1",
    "fe80::1%eth0",
    167_772_161,
    None,
]
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
        (O.EXISTS, [True], ["", 0, False, NAN, [], {}], [None]),
        (O.EXISTS, [False], [None], ["", 0, False]),
        (
            O.TEXT_MATCHES,
            ["^a+b$"],
            ["ab", "aab"],
            ["xab", "AB", 5, None, b"ab", "\ud800", "a" * 2_048 + "b"],
        ),
        (
            O.TEXT_MATCHES,
            [
                "^a+$",
            ],
            ["a" * 2_048],
            ["a" * 2_049],
        ),
        (O.TEXT_MATCHES, ["é$"], ["é" * 2_048], ["é" * 2_049]),
        (O.TEXT_CONTAINS, ["b"], ["a" * 65_535 + "b"], ["a" * 65_536 + "b"]),
        (O.TEXT_MATCHES, ["é"], ["café"], ["cafe\u0301"]),
        (O.DATE_LT, ["2026-11-21"], ["2026-11-20", "2026-11-21T00:59:59.9+01:00"], DAYS),
        (O.DATE_GE, ["2026-11-21"], DAYS, ["2026-11-20", "2026-11-21T00:59:59+01:00"]),
        (O.DATE_LE, ["2026-11-21T00:00:00Z"], ["2026-11-21"], ["2026-11-21T00:00:00.000000001Z"]),
        (O.DATE_GT, ["2026-12-31T23:59:59Z"], ["2026-12-31T23:59:60Z"], ["2026-12-31T23:59:59Z"]),
        (O.DATE_GT, ["1970-01-01"], [datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1)], NO_DATES),
        (O.SEMVER_EQ, ["1.2.3"], ["1.2.3", "v1.2.3", "1.2.3+b.7"], ["1.2.3-rc.1", "1.2", "V1.2.3", 1, None]),
        (O.SEMVER_LT, ["1.0.0"], ["1.0.0-rc.1", "0.99.0"], ["1.0.0", "2.0.0", "01.0.0", "1.0.0-01", ""]),
        (O.SEMVER_GT, ["1.0.0-a.2"], ["1.0.0-a.10", "1.0.0-a.b"], ["1.0.0-a", "1.0.0-a.1"]),
        (O.SEMVER_GE, ["2.0.0"], ["2.0.0", "10.0.0", f"{'9' * 124}.0.0"], ["1.9.9", "2.0.0-", "2.0.0+"]),
        (O.SEMVER_LE, ["2.0.0"], ["2.0.0", "2.0.0-x"], ["2.0.1", "²..0.0", f"0.0.{'1' * 125}"]),
        (O.IP_IN, ["10.0.0.0/8", "2001:db8::/32"], ["10.1.2.3", "2001:db8::1"], NO_ADDRESSES),
        (O.IP_NOT_IN, ["10.0.0.0/8"], ["11.0.0.1", "::1"], ["10.0.0.1", "::ffff:10.0.0.1", "x", 5, None]),
        (O.IP_IN, ["10.0.0.7"], ["10.0.0.7", "::ffff:10.0.0.7"], ["10.0.0.6", "10.0.0.8"]),
        (O.IP_IN, ["10.0.0.0/9", "10.128.0.0/9", "10.0.0.0/24"], ["10.200.0.1"], ["9.9.9.9", "11.0.0.0"]),
        (
            O.LIST_ANY,
            ["a", 1],
            [["a"], ("x", 1.0), {"a"}, frozenset({1})],
            [[], ["b"], [True], "a"],
        ),
        (O.LIST_ALL, ["a", 1], [["a", 1, None], ("x", 1.0, "a")], [["a"], [True, "a"], "a1", ["a"] * 1_001]),
        (O.LIST_ANY, ["a"], [["a"] * 1_000], [["a"] * 1_001, [["a"]], [NAN], None]),
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


@pytest.mark.parametrize(
    ("operator", "values", "problem"),
    [
        (O.EXISTS, [1], "true or false"),
        (O.TEXT_MATCHES, ["("], "missing"),
        (O.TEXT_MATCHES, ["(?=a)"], "no RE2 pattern"),
        (O.TEXT_MATCHES, ["a" * 1_001], "1000 characters"),
        (O.TEXT_MATCHES, ["[ab]{0,1000}[ab]{0,300}"], "instructions, at most 2500"),
        (O.TEXT_MATCHES, [r"\pL{1000}"], "pattern too large"),
        (O.TEXT_MATCHES, [r"\\\C"], "parts of characters"),
        (O.TEXT_MATCHES, ["((a{100}){100}){100}"], "no RE2 pattern"),
        (O.TEXT_MATCHES, ["\ud800"], "no RE2 pattern"),
        (O.TEXT_MATCHES, [5], "needs text"),
        (O.DATE_LT, ["tomorrow"], "RFC 3339"),
        (O.DATE_LT, ["2026-11-21T00:00:00"], "RFC 3339"),
        (O.SEMVER_GE, ["1.2"], "version such as"),
        (O.IP_IN, ["10.0.0.1/8"], "host bits"),
        (O.IP_IN, ["10.0.0.0/255.0.0.0"], "no network"),
        (O.IP_IN, ["::ffff:10.0.0.0/104"], "IPv4"),
        (O.IP_IN, ["fe80::%eth0/64"], "no network"),
        (O.IP_IN, ["nowhere"], "nowhere"),
        (O.IP_IN, [5], "needs text"),
        (O.IP_IN, [], "at least one"),
        (O.LIST_ANY, [], "at least one"),
        (O.DATE_LT, ["2026-11-21", "2026-11-22"], "exactly one"),
    ],
)
def test_a_value_that_an_operator_cannot_use_is_refused(
    operator: Operator, values: list[Scalar], problem: str
) -> None:
    told = check_condition(where("it", operator, *values))

    assert told is not None
    assert problem in told


LINUX = where("app.os.name", O.EQUALS, "linux")


class Broken(tzinfo):
    def utcoffset(self, moment: datetime | None) -> timedelta:
        raise RuntimeError

    dst = utcoffset

    def tzname(self, moment: datetime | None) -> str:
        return "broken"


def test_a_time_is_its_instant_whatever_its_zone() -> None:
    noon = datetime(2026, 11, 21, 13, 0, 0, 1, tzinfo=timezone(timedelta(hours=1)))

    assert holds(noon, O.DATE_GT, "2026-11-21T12:00:00Z")
    assert not holds(noon, O.DATE_GT, "2026-11-21T12:00:00.000001Z")
    assert not holds(datetime(2026, 11, 21, tzinfo=Broken()), O.DATE_GT, "2000-01-01")
    assert holds(datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), O.DATE_LT, "0001-01-01")


def holds(value: object, operator: Operator, *wanted: Scalar) -> bool:
    evaluation = Evaluation(ruleset(flag(rule("r1", where("it", operator, *wanted)))))
    return evaluation.choose("digit-reader", "user-42", {"it": value}, None).rule == "r1"


def test_a_dotted_name_is_the_contexts_own_key_first_and_then_a_path() -> None:
    evaluation = Evaluation(
        ruleset(flag(rule("r1", LINUX))),
        attributes={"app.os.name": "linux"},
    )

    def matches(context: object) -> bool:
        return evaluation.choose("digit-reader", "user-42", context, None).rule == "r1"

    assert matches({"app": {"os": {"name": "linux"}}})
    assert matches({"app.os.name": "linux", "app": {"os": {"name": "other"}}})
    assert matches({"app": {"os": "linux"}})  # No such path: the client's own attribute.
    assert matches({"app": BrokenMapping()})
    assert not matches({"app": {"os": {"name": None}}})
    assert not matches({"app.os.name": None})
