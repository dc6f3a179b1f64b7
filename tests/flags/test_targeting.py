from hypothesis import given
from hypothesis import strategies as st

from flags import targeting as targetings
from flags.model import FlagState, RuleDraft, Targeting
from flags.ranging import Draw
from flags.targeting import Move, TargetingPreview, preview
from pointsman.core.model import Operator, Range, Rule
from pointsman.core.splits import moved, weights_of
from tests.flags.making import GERMANS, attribute, split, targeting


def ranged(draft: Targeting, known: tuple[Rule, ...], next_rule: int) -> tuple[tuple[Rule, ...], int]:
    return targetings.ranged(draft, known, next_rule, Draw(salt="demo/ranker"), {})


def stored(draft: Targeting, *, enabled: bool = True) -> FlagState:
    rules, next_rule = ranged(draft, (), 1)
    return FlagState(
        flag_id=1,
        environment_id=1,
        environment="prod",
        enabled=enabled,
        off=draft.off,
        default=draft.default,
        rules=rules,
        next_rule=next_rule,
        version=4,
    )


def compared(before: Targeting, after: Targeting) -> TargetingPreview:
    state = stored(before)
    rules, _ = ranged(after, state.rules, state.next_rule)
    return preview(state, after.default, rules)


@st.composite
def weights(draw: st.DrawFn) -> dict[str, int]:
    names = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True))
    cuts = sorted(draw(st.integers(0, 100_000)) for _ in names[1:])
    edges = [0, *cuts, 100_000]
    return {name: edges[index + 1] - edges[index] for index, name in enumerate(names)}


@given(st.lists(weights(), min_size=2, max_size=6))
def test_reweighting_moves_exactly_the_sum_of_the_decreases(steps: list[dict[str, int]]) -> None:
    rules: tuple[Rule, ...] = ()
    number = 1
    for index, wanted in enumerate(steps):
        before = rules
        draft = Targeting(rules=(RuleDraft(id="r1", weights=wanted),), default="a", off="a")
        rules, number = ranged(draft, before, number)

        if index:
            held = weights_of(before[0].split)
            decreases = sum(max(0, share - wanted.get(name, 0)) for name, share in held.items())
            assert moved(before[0].split, rules[0].split) == decreases
        assert weights_of(rules[0].split) == {name: share for name, share in wanted.items() if share}


def test_new_rules_get_ids_that_no_rule_ever_had() -> None:
    first, number = ranged(targeting(split(50, 50), split(50, 50, rule="r2"), split(50, 50)), (), 1)
    second, number = ranged(targeting(split(50, 50)), first, number)

    assert [rule.id for rule in first] == ["r1", "r2", "r3"]
    assert [rule.id for rule in second] == ["r4"]
    assert number == 5


def test_a_stored_rule_keeps_its_ranges_when_only_its_conditions_change() -> None:
    before, number = ranged(targeting(split(90, 10, rule="r1")), (), 1)
    before, number = ranged(targeting(split(80, 20, rule="r1")), before, number)

    after, _ = ranged(targeting(split(80, 20, rule="r1", conditions=(GERMANS,))), before, number)

    assert after[0].split == before[0].split == (Range(0, 80_000, "v1"), Range(80_000, 100_000, "v2"))


def test_preview_of_a_reweight_counts_the_moved_buckets() -> None:
    found = compared(targeting(split(90, 10, rule="r1")), targeting(split(80, 20, rule="r1")))

    assert [(rule.rule, rule.moved, rule.moves) for rule in found.rules] == [
        ("r1", 10_000, (Move(before="v1", after="v2", buckets=10_000),))
    ]
    assert found.moved == 10_000
    assert found.version == 4
    assert found.serving


def test_preview_of_the_first_rule_compares_it_with_the_default() -> None:
    found = compared(targeting(), targeting(split(90, 10)))

    assert [(rule.rule, rule.moved, rule.added) for rule in found.rules] == [("r1", 10_000, True)]


def test_preview_of_another_default_moves_everybody_without_a_rule() -> None:
    found = compared(targeting(default="v1"), targeting(default="v2"))

    assert [(rule.rule, rule.moved) for rule in found.rules] == [(None, 100_000)]


def test_preview_of_nothing_new_moves_nobody() -> None:
    draft = targeting(split(50, 50, rule="r1", conditions=(GERMANS,)), split(90, 10, rule="r2"))

    found = compared(draft, draft)

    assert found.moved == 0
    assert not found.reordered
    assert [rule.rule for rule in found.rules] == ["r1", "r2"]


def test_preview_of_added_and_removed_rules_with_conditions() -> None:
    germans = split(0, 100, rule="german", conditions=(GERMANS,))
    adults = split(50, 50, rule="adult", conditions=(attribute("age", Operator.NUMBER_GE, 18),))
    everyone = split(90, 10, rule="all")

    found = compared(targeting(germans, everyone), targeting(adults, everyone))

    by_rule = {rule.rule: rule for rule in found.rules}
    assert by_rule["adult"].added
    assert by_rule["adult"].moved == 40_000
    assert by_rule["german"].removed
    assert by_rule["german"].moved == 90_000
    assert by_rule["all"].moved == 0


def test_preview_says_when_conditions_change_who_is_eligible() -> None:
    before = targeting(split(50, 50, rule="r1", conditions=(GERMANS,)))
    after = targeting(split(50, 50, rule="r1", conditions=(attribute("country", Operator.IN, "DE"),)))

    assert [(rule.rule, rule.eligibility) for rule in compared(before, after).rules] == [
        ("r1", True),
        (None, False),
    ]


def test_preview_of_a_rule_opened_to_everyone() -> None:
    before = targeting(split(50, 50, rule="r1", conditions=(GERMANS,)), default="v1")
    after = targeting(split(50, 50, rule="r1"), default="v1")

    found = compared(before, after)

    assert [(rule.rule, rule.moved, rule.added, rule.eligibility) for rule in found.rules] == [
        ("r1", 50_000, False, True)
    ]


def test_preview_ignores_rules_nobody_can_reach() -> None:
    everyone = split(50, 50, rule="all")
    hidden = split(0, 100, rule="hidden", conditions=(GERMANS,))

    found = compared(targeting(everyone, hidden), targeting(everyone))

    assert [(rule.rule, rule.moved) for rule in found.rules] == [("all", 0)]


def test_preview_notices_rules_that_change_places() -> None:
    germans = split(0, 100, rule="g", conditions=(GERMANS,))
    adults = split(50, 50, rule="a", conditions=(attribute("age", Operator.NUMBER_GE, 18),))

    assert compared(targeting(germans, adults), targeting(adults, germans)).reordered


def test_preview_says_when_the_flag_is_switched_off() -> None:
    state = stored(targeting(), enabled=False)

    assert not preview(state, "v2", ()).serving
