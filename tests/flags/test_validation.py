import pytest

from flags import limits
from flags.model import RuleDraft, Targeting
from flags.validation import InvalidFlag, check_key, check_named, check_targeting, check_variants, refuse
from flags.world import EMPTY
from pointsman.core.model import Condition, Kind, Operator, Scalar
from tests.flags.making import attribute, split, targeting

VARIANTS = {"v1": True, "v2": False}


def fields_of(draft: Targeting) -> list[str]:
    return [problem.field for problem in check_targeting(draft, "ranker", VARIANTS, EMPTY)]


def ruled(*conditions: Condition) -> Targeting:
    return targeting(split(50, 50, conditions=conditions))


@pytest.mark.parametrize("key", ["a", "0", "a.b_c-d", "x" * 64])
def test_a_good_key(key: str) -> None:
    assert list(check_key("key", key)) == []


@pytest.mark.parametrize("key", ["", "A", "-a", ".a", "a b", "a/b", "x" * 65, "ä", "a\n", "\x00"])
def test_a_bad_key(key: str) -> None:
    assert [problem.field for problem in check_key("key", key)] == ["key"]


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidFlag) as error:
        refuse(check_named(key="Bad", name="two\nlines", description="\x00"))

    assert error.value.field == "key"
    assert [each["field"] for each in error.value.details()["problems"]] == ["key", "name", "description"]


@pytest.mark.parametrize("count", [0, limits.VARIANTS_PER_FLAG + 1])
def test_too_few_or_too_many_variants(count: int) -> None:
    variants = {f"v{number}": True for number in range(count)}

    assert [problem.field for problem in check_variants(Kind.BOOLEAN, variants)] == ["variants"]


def test_variants_have_keys_for_names_and_payloads_of_the_kind() -> None:
    problems = list(check_variants(Kind.BOOLEAN, {"On": True, "off": "no"}))

    assert [problem.field for problem in problems] == ["variants", "variants.off"]


def test_good_targeting_has_no_problems() -> None:
    conditions = (
        attribute("country", Operator.IN, "DE", 1, 1.5, True),
        attribute("age", Operator.NUMBER_GE, 18),
        attribute("plan", Operator.TEXT_STARTS, "pro"),
        attribute("beta", Operator.EQUALS, True),
    )

    assert fields_of(targeting(split(10, 90, conditions=conditions, rule="r1"), split(50, 50))) == []


@pytest.mark.parametrize(
    ("operator", "values"),
    [
        (Operator.EQUALS, ()),
        (Operator.EQUALS, (1, 2)),
        (Operator.IN, ()),
        (Operator.NOT_IN, tuple(range(1_001))),
    ],
)
def test_an_operator_wants_its_number_of_values(operator: Operator, values: tuple[Scalar, ...]) -> None:
    assert fields_of(ruled(attribute("a", operator, *values))) == ["rules.0.conditions.0.values"]


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        (Operator.NUMBER_LT, "1"),
        (Operator.NUMBER_GT, True),
        (Operator.NUMBER_LE, float("nan")),
        (Operator.NUMBER_GE, 2**60),
        (Operator.TEXT_CONTAINS, 1),
        (Operator.TEXT_LT, "a" * 1_001),
        (Operator.EQUALS, "\udc00"),
        (Operator.IN, float("inf")),
    ],
)
def test_an_operator_wants_its_type_of_value(operator: Operator, value: Scalar) -> None:
    assert fields_of(ruled(attribute("a", operator, value))) == ["rules.0.conditions.0.values.0"]


@pytest.mark.parametrize("name", ["", "a" * 201, "a\x00"])
def test_an_attribute_needs_a_usable_name(name: str) -> None:
    assert fields_of(ruled(attribute(name, Operator.EQUALS, 1))) == ["rules.0.conditions.0.attribute"]


def test_rules_and_conditions_are_limited() -> None:
    many_rules = targeting(*[split(50, 50)] * (limits.RULES_PER_FLAG + 1))
    many_conditions = ruled(*[attribute("a", Operator.EQUALS, 1)] * (limits.NODES_PER_RULE + 1))

    assert fields_of(many_rules) == ["rules"]
    assert fields_of(many_conditions) == ["rules.0.conditions"]


def test_references_must_exist() -> None:
    draft = targeting(RuleDraft(weights={"v1": 0, "v9": 100_000}), default="v8", off="v7")

    assert fields_of(draft) == ["default", "off", "rules.0.weights.v9"]


@pytest.mark.parametrize(
    ("weights", "field"),
    [
        ({"v1": 100_000, "v2": 1}, "rules.0.weights"),
        ({}, "rules.0.weights"),
        ({"v1": 100_001, "v2": -1}, "rules.0.weights.v1"),
    ],
)
def test_weights_must_cover_the_buckets(weights: dict[str, int], field: str) -> None:
    assert fields_of(targeting(RuleDraft(weights=weights)))[0] == field


def test_two_rules_cannot_share_an_id() -> None:
    assert fields_of(targeting(split(50, 50, rule="r1"), split(50, 50, rule="r1"))) == ["rules.1.id"]
    assert fields_of(targeting(split(50, 50), split(50, 50))) == []
    assert fields_of(targeting(split(50, 50, rule="R 1"))) == ["rules.0.id"]
