"""Whose variant a change could take, worked out from the rules before and after."""

from dataclasses import replace

from flags.gates import coverage_gate
from flags.keeping import leaving, moved_ranges
from pointsman.core.model import AnyOf, Condition, Operator, Range, Rule, Window
from pointsman.core.splits import reweight, split_of

GERMANS = Condition(attribute="country", operator=Operator.IN, values=("DE", "AT"))
ADULTS = Condition(attribute="age", operator=Operator.NUMBER_GE, values=(18,))
SALT = "demo/ranker"


def rule(name: str = "r1", *, v1: int = 90, conditions: tuple[Condition, ...] = ()) -> Rule:
    return Rule(id=name, conditions=conditions, split=split_of({"v1": v1 * 1_000, "v2": (100 - v1) * 1_000}))


def test_an_edit_that_changes_nothing_takes_nobody() -> None:
    assert leaving((rule(),), (rule(),)) == ()


def test_a_reweight_could_take_only_the_moved_buckets_from_their_former_owners() -> None:
    before = rule(v1=90)
    after = replace(before, split=reweight(before.split, {"v1": 80_000, "v2": 20_000}))

    (lost,) = leaving((before,), (after,))

    assert lost.ranges == (Range(80_000, 90_000, "v1"),)
    assert lost.ranges == moved_ranges(before.split, after.split)


def test_raised_coverage_takes_nobody() -> None:
    before = replace(rule(), gates=(coverage_gate(SALT, 10_000),))

    assert leaving((before,), (replace(rule(), gates=(coverage_gate(SALT, 50_000),)),)) == ()
    assert leaving((before,), (rule(),)) == ()


def test_lowered_coverage_could_take_everybody_it_had_let_in() -> None:
    before = replace(rule(), gates=(coverage_gate(SALT, 50_000),))
    after = replace(rule(), gates=(coverage_gate(SALT, 10_000),))

    (lost,) = leaving((before,), (after,))

    assert lost.gates == before.gates
    assert lost.ranges == before.split


def test_a_new_gate_could_take_everybody() -> None:
    (lost,) = leaving((rule(),), (replace(rule(), gates=(coverage_gate(SALT, 99_999),)),))

    assert lost.ranges == rule().split


def test_a_removed_rule_could_take_everybody_it_served() -> None:
    (lost,) = leaving((rule(conditions=(GERMANS,)),), ())

    assert lost.conditions == (GERMANS,)
    assert lost.ranges == rule().split


def test_edited_conditions_keep_those_who_met_the_former_ones() -> None:
    (lost,) = leaving((rule(conditions=(GERMANS,)),), (rule(conditions=(GERMANS, ADULTS)),))

    assert lost.conditions == (GERMANS,)


def test_a_rule_put_in_front_could_take_from_all_behind_it() -> None:
    first, second = rule("r1", conditions=(GERMANS,)), rule("r2")

    lost = leaving((first, second), (rule("r3", conditions=(ADULTS,)), first, second))

    assert [each.rule for each in lost] == ["r1", "r2"]


def test_rules_that_change_places_could_take_from_both() -> None:
    first, second = rule("r1", conditions=(GERMANS,)), rule("r2", conditions=(ADULTS,))

    assert [each.rule for each in leaving((first, second), (second, first))] == ["r1", "r2"]


def test_a_rule_added_behind_takes_nobody() -> None:
    first = rule("r1", conditions=(GERMANS,))

    assert leaving((first,), (first, rule("r2"))) == ()


def test_a_new_window_could_take_everybody() -> None:
    (lost,) = leaving((rule(),), (replace(rule(), window=Window(start=1, end=2)),))

    assert lost.ranges == rule().split


def test_wrapping_conditions_in_a_group_counts_as_another_rule() -> None:
    before = rule(conditions=(GERMANS,))
    after = replace(before, conditions=(AnyOf((GERMANS,)),))

    assert leaving((before,), (after,)) != ()


def test_who_is_kept_is_not_counted_with_those_the_rule_draws_now() -> None:
    (lost,) = leaving((rule(),), ())

    assert lost.kept(3, ("a" * 64,)).rule == "r1@3"
