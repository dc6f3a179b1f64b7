"""What serves, and why; and that nothing a caller hands over can make it raise."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsman.core.bucketing import BUCKETS, bucket
from pointsman.core.choice import Choice, ErrorCode, Reason
from pointsman.core.evaluation import Evaluation
from pointsman.core.explain import explain, explanation_json
from pointsman.core.model import Flag, Operator, Range, Rule, Scalar
from pointsman.core.source import threshold
from pointsman.core.splits import reweight, split_of
from tests.sdk.core import hostile, oracle
from tests.sdk.core.rulesets import flag, rule, ruleset, wanted_by, where
from tests.sdk.core.strategies import NOW, SETS, contexts, rulesets, splits
from tests.sdk.core.strategies import UNITS as UNIT_SAMPLES

UNITS = [f"user-{number}" for number in range(2_000)]


class Plan(StrEnum):
    FREE = "free"


class Level(IntEnum):
    HIGH = 3


def choose(one: Flag, unit: object = "user-42", context: object = None, default: object = None) -> Choice:
    return Evaluation(ruleset(one)).choose(one.key, unit, context, default)


def test_a_flag_switched_off_serves_its_off_variant() -> None:
    choice = choose(flag(rule("r1", v2=BUCKETS), enabled=False))

    assert choice == Choice("digit-reader", "user-42", "v1", {"name": "weak"}, Reason.OFF, None, 7, None)


def test_without_a_matching_rule_the_default_variant_serves() -> None:
    choice = choose(flag(rule("r1", where("country", Operator.EQUALS, "DE"), v2=BUCKETS)))

    assert (choice.variant, choice.reason, choice.rule) == ("v1", Reason.DEFAULT, None)


def test_a_rule_of_one_variant_is_a_targeting_match() -> None:
    choice = choose(flag(rule("r1", v2=BUCKETS)))

    assert (choice.variant, choice.value, choice.reason, choice.rule) == (
        "v2",
        {"name": "strong"},
        Reason.TARGETING_MATCH,
        "r1",
    )


def test_neighbouring_ranges_of_one_variant_are_one_variant() -> None:
    both = (Range(0, 10, "v2"), Range(10, BUCKETS, "v2"))

    assert choose(flag(Rule(id="r1", conditions=(), split=both))).reason is Reason.TARGETING_MATCH


def test_a_split_serves_by_the_units_bucket() -> None:
    split = flag(rule("r1", v1=30_000, v2=70_000))

    for unit in UNITS:
        choice = choose(split, unit)
        assert choice.variant == ("v1" if bucket(split.salt, unit) < 30_000 else "v2")
        assert (choice.reason, choice.rule) == (Reason.SPLIT, "r1")


def test_the_first_matching_rule_wins() -> None:
    both = flag(
        rule("old", where("age", Operator.NUMBER_GE, 60), v1=BUCKETS),
        rule("adult", where("age", Operator.NUMBER_GE, 18), v2=BUCKETS),
    )

    assert [choose(both, context={"age": age}).rule for age in (70, 30, 10)] == ["old", "adult", None]


def test_rules_after_one_without_conditions_are_never_reached() -> None:
    assert choose(flag(rule("all", v2=BUCKETS), rule("late", v1=BUCKETS))).rule == "all"


def test_two_conditions_on_one_attribute_must_both_hold() -> None:
    between = flag(
        rule("r1", where("age", Operator.NUMBER_GE, 18), where("age", Operator.NUMBER_LT, 65), v2=BUCKETS)
    )

    assert [choose(between, context={"age": age}).rule for age in (17, 18, 64, 65)] == [
        None,
        "r1",
        "r1",
        None,
    ]


# Whole rulesets are slow to draw, slower yet under coverage.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_every_choice_is_the_one_the_design_describes(data: st.DataObject) -> None:
    known = data.draw(rulesets(least=1))
    key = data.draw(st.sampled_from(sorted(known.flags)))
    unit = data.draw(st.sampled_from(UNIT_SAMPLES) | st.text(st.characters(codec="utf-8"), min_size=1))
    context = data.draw(contexts)
    clock = data.draw(st.sampled_from([None, lambda: float(NOW)]))
    variants = sorted(known.flags[key].variants)
    recent = data.draw(st.none() | st.just({key: {"user-1": variants[0], "user-2": "gone"}}))
    defaults: dict[str, Scalar] = data.draw(st.sampled_from([{}, {"country": "DE", "app.version": "1.0.0"}]))
    evaluation = Evaluation(known, SETS, now=clock, attributes=defaults, recent=recent)

    explained = explain(evaluation, key, unit, context, "mine")

    assert repr(evaluation.choose(key, unit, context, "mine")) == repr(explained.choice)
    assert json.loads(json.dumps(explanation_json(explained), allow_nan=False, ensure_ascii=False).encode())


@given(splits(("v1", "v2"), most=40), st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_split_of_many_ranges_serves_by_the_bucket_too(split: tuple[Range, ...], unit: str) -> None:
    one = flag(Rule(id="r1", conditions=(), split=split))

    assert choose(one, unit) == oracle.choose(ruleset(one), one.key, unit, {})


@given(st.integers(1, BUCKETS - 1))
def test_the_threshold_of_a_range_is_the_first_hash_past_it(end: int) -> None:
    first = threshold(end)

    assert ((first - 1) * BUCKETS) >> 32 == end - 1
    assert (first * BUCKETS) >> 32 == end


def test_a_ramp_from_5_to_10_to_50_percent_keeps_every_unit_that_is_in() -> None:
    steps = [split_of({"v1": 95_000, "v2": 5_000})]
    steps.append(reweight(steps[-1], {"v1": 90_000, "v2": 10_000}))
    steps.append(reweight(steps[-1], {"v1": 50_000, "v2": 50_000}))

    five, ten, fifty = (
        {
            unit
            for unit in UNITS
            if choose(flag(Rule(id="r", conditions=(), split=step)), unit).variant == "v2"
        }
        for step in steps
    )

    assert five < ten < fifty


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        (42, "42"),
        (-1, "-1"),
        (0, "0"),
        (10**30, "1" + "0" * 30),
        (Level.HIGH, "3"),
        (Plan.FREE, "free"),
        (np.int64(42), "42"),
    ],
)
def test_an_integer_unit_is_its_decimal_text(unit: object, text: str) -> None:
    split = flag(rule("r1"))

    assert choose(split, unit) == choose(split, text)
    assert type(choose(split, unit).unit) is str


@pytest.mark.parametrize(
    "unit", ["", None, True, np.bool_(True), 1.5, b"user", ["user"], ("user",), "\ud800", 10**2000]
)
@pytest.mark.parametrize("enabled", [True, False])
def test_a_unit_that_is_neither_text_nor_an_integer_gets_the_default(unit: object, enabled: bool) -> None:
    choice = choose(flag(rule("r1"), enabled=enabled), unit, default="v1")

    assert (choice.variant, choice.value, choice.reason) == ("v1", "v1", Reason.ERROR)
    assert choice.error is ErrorCode.TARGETING_KEY_MISSING


def test_a_unit_that_raises_when_looked_at_is_survived() -> None:
    choice = choose(flag(rule("r1")), hostile.Hostile(), default="v1")

    assert (choice.unit, choice.variant, choice.error) == ("", "v1", ErrorCode.TARGETING_KEY_MISSING)


def test_a_flag_key_that_raises_when_looked_at_is_survived() -> None:
    choice = Evaluation(ruleset(flag())).choose(hostile.Hostile(), "user-42", None, "v1")

    assert (choice.flag, choice.variant, choice.error) == ("", "v1", ErrorCode.FLAG_NOT_FOUND)


def test_a_context_that_raises_when_looked_at_is_survived() -> None:
    choice = choose(flag(rule("r1")), context=hostile.Hostile(), default="v1")

    assert choice.error is ErrorCode.INVALID_CONTEXT


def test_an_attribute_that_raises_when_looked_at_matches_nothing() -> None:
    german = flag(rule("r1", where("country", Operator.EQUALS, "DE")))

    assert choose(german, context={"country": hostile.Hostile()}).reason is Reason.DEFAULT


@pytest.mark.parametrize("context", ["DE", 5, [("country", "DE")], object(), hostile.BrokenMapping()])
@pytest.mark.parametrize("conditions", [(), (where("country", Operator.EQUALS, "DE"),)])
def test_a_context_that_is_no_mapping_gets_the_default(context: object, conditions: tuple[()]) -> None:
    choice = choose(flag(rule("r1", *conditions)), context=context, default="v2")

    assert (choice.variant, choice.reason) == ("v2", Reason.ERROR)
    assert choice.error is ErrorCode.INVALID_CONTEXT


@pytest.mark.parametrize("context", [OrderedDict(country="DE"), MappingProxyType({"country": "DE"})])
def test_any_mapping_is_a_context(context: Mapping[str, object]) -> None:
    german = flag(rule("r1", where("country", Operator.EQUALS, "DE"), v2=BUCKETS))

    assert choose(german, context=context).rule == "r1"


@pytest.mark.parametrize("value", [None, [], {}, b"DE", object(), float("nan"), float("inf"), 10**400, 1j])
@pytest.mark.parametrize("operator", Operator)
def test_no_value_of_an_attribute_is_an_error(value: object, operator: Operator) -> None:
    wanted = wanted_by(operator)

    choice = choose(flag(rule("r1", where("country", operator, wanted))), context={"country": value})

    assert choice.error is None


def test_an_unknown_flag_gets_the_default_and_says_so() -> None:
    choice = Evaluation(ruleset(flag())).choose("ranker", "user-42", None, "v9")

    assert choice == Choice("ranker", "user-42", "v9", "v9", Reason.ERROR, None, 7, ErrorCode.FLAG_NOT_FOUND)


@pytest.mark.parametrize("key", [None, 5, [], {}, b"digit-reader"])
def test_a_flag_key_that_is_no_text_is_not_found(key: object) -> None:
    choice = Evaluation(ruleset(flag())).choose(key, "user-42", None, "v9")

    assert (choice.flag, choice.variant) == ("", "v9")
    assert choice.error is ErrorCode.FLAG_NOT_FOUND


def test_without_a_ruleset_nothing_is_ready() -> None:
    choice = Evaluation(None).choose("digit-reader", 42, None, "v1")

    assert choice == Choice(
        "digit-reader", "42", "v1", "v1", Reason.ERROR, None, None, ErrorCode.PROVIDER_NOT_READY
    )


@pytest.mark.parametrize("default", [None, 5, True, {"a": 1}, [1]])
def test_a_default_that_is_no_text_names_no_variant(default: object) -> None:
    choice = Evaluation(None).choose("digit-reader", "user-42", None, default)

    assert choice.variant is None
    assert choice.value is default


def test_a_hostile_default_is_handed_back_untouched() -> None:
    default = hostile.Hostile()

    assert Evaluation(None).choose("digit-reader", "user-42", None, default).value is default


def test_a_choice_cannot_be_changed() -> None:
    choice = choose(flag(rule("r1")))

    with pytest.raises(AttributeError):
        choice.variant = "v9"  # type: ignore[misc]  # the point of the test


def test_a_salt_without_bytes_is_an_error_and_not_the_end_of_the_process() -> None:
    assert choose(flag(rule("r1"), salt="\ud800")).error is ErrorCode.GENERAL


def test_the_next_ruleset_has_the_flags_in_use_ready_and_no_others() -> None:
    first, second = flag(rule("r1", v1=BUCKETS)), flag(rule("r1"), key="ranker")
    before = Evaluation(ruleset(first, second, flag(key="gone")))
    for key in ("digit-reader", "gone"):
        before.choose(key, "user-42", None, None)

    after = before.followed_by(ruleset(flag(rule("r2", v2=BUCKETS)), second, revision=8))

    assert list(after.deciders) == ["digit-reader"]
    assert after.choose("digit-reader", "user-42", None, None)[4:7] == (Reason.TARGETING_MATCH, "r2", 8)


def test_text_in_a_ruleset_is_never_executed() -> None:
    evil = '\'); raise SystemExit #\n"""{}%s\\'
    one = flag(
        rule(evil, where(evil, Operator.EQUALS, evil), **{evil: 50_000, "v2": 50_000}),
        key=evil,
        salt=evil,
        variants={"v1": evil, "v2": evil, evil: evil},
    )

    choice = choose(one, evil, {evil: evil})

    assert (choice.error, choice.rule) == (None, evil)


def test_a_thousand_rules_are_evaluated() -> None:
    many = flag(*(rule(f"r{age}", where("age", Operator.EQUALS, age), v2=BUCKETS) for age in range(1_000)))

    assert choose(many, context={"age": 999}).rule == "r999"
