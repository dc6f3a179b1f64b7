"""What comes before the rules, in which order, and the laws that gates and kept entries keep."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pointsman.core.choice import Choice, ErrorCode, Reason
from pointsman.core.evaluation import Evaluation
from pointsman.core.explain import explain
from pointsman.core.model import (
    Flag,
    Gate,
    GateKind,
    Hashing,
    InSegment,
    Kept,
    Range,
    Scheme,
    Segment,
    Serves,
    Span,
    Switch,
    Window,
)
from pointsman.core.unit_sets import UnitSet, digest_of, hash_of_unit, read_units, write_hashes
from tests.sdk.core.rulesets import flag, rule, ruleset

UNITS = [f"user-{number}" for number in range(4_000)]
OLD = write_hashes("s", (hash_of_unit("s", unit) for unit in UNITS[:2_000]))
SETS: dict[str, UnitSet] = {digest_of(OLD): read_units(OLD)}
BASE = flag(rule("all", v2=100_000), key="base")
GONE = Segment(key="gone", included=("0" * 64,))
ALL_V2 = rule("all", v2=100_000)


def choose(one: Flag, unit: str = "user-1", now: Callable[[], float] | None = None) -> Choice:
    known = replace(ruleset(BASE, one), segments={"gone": GONE})
    evaluation = Evaluation(known, SETS, now=now, recent={one.key: {"user-3": "v1"}})
    choice = evaluation.choose(one.key, unit, None, "mine")
    assert explain(evaluation, one.key, unit, None, "mine").choice == choice
    return choice


def at(second: float) -> Callable[[], float]:
    return lambda: second


def coverage(share: int, salt: str = "coverage") -> Gate:
    spans = (Span(0, share),) if share else ()
    return Gate(kind=GateKind.COVERAGE, name="", hashing=Hashing(seed=salt), spans=spans)


KEPT = Kept(
    rule="former",
    epoch=1,
    conditions=(),
    gates=(),
    hashing=None,
    ranges=(Range(0, 100_000, "v1"),),
    units=tuple(SETS),
)


def test_an_unmet_prerequisite_serves_the_off_variant_even_to_an_override() -> None:
    one = replace(flag(ALL_V2), requires=(Serves("base", ("v1",)),), overrides={"user-1": "v2"})

    assert choose(one)[2:6] == ("v1", {"name": "weak"}, Reason.PREREQUISITE, None)


def test_a_met_prerequisite_changes_nothing() -> None:
    assert choose(replace(flag(ALL_V2), requires=(Serves("base", ("v2",)),))).rule == "all"


def test_an_override_comes_before_what_is_kept() -> None:
    one = replace(flag(ALL_V2), overrides={"user-1": "v2"}, kept=(KEPT,))

    assert [choose(one, unit).reason for unit in ("user-1", "user-2")] == [Reason.OVERRIDE, Reason.STICKY]


def test_units_in_the_set_keep_and_others_get_the_new_split() -> None:
    one = replace(flag(ALL_V2), sticky=True, kept=(KEPT,))

    answers = [(choose(one, unit).variant, choose(one, unit).rule) for unit in ("user-0", "user-3999")]

    assert answers == [("v1", "former"), ("v2", "all")]


def test_a_sticky_flag_remembers_recent_units_and_another_does_not() -> None:
    one = flag(ALL_V2)

    assert choose(replace(one, sticky=True), "user-3")[2:6] == ("v1", {"name": "weak"}, Reason.STICKY, None)
    assert choose(one, "user-3").variant == "v2"


@pytest.mark.parametrize(("now", "variant"), [(9.9, "v1"), (10, "v2"), (19.9, "v2"), (20, "v1")])
def test_a_window_holds_from_its_start_until_just_before_its_end(now: float, variant: str) -> None:
    one = flag(replace(ALL_V2, window=Window(start=10, end=20)))

    assert choose(one, now=at(now)).variant == variant


@pytest.mark.parametrize(
    ("now", "reason"), [(9, Reason.TARGETING_MATCH), (10, Reason.OFF), (20, Reason.TARGETING_MATCH)]
)
def test_switches_turn_the_flag_off_and_on(now: float, reason: Reason) -> None:
    one = replace(flag(ALL_V2), switches=(Switch(at=10, enabled=False), Switch(at=20, enabled=True)))

    assert choose(one, now=at(now)).reason is reason


def test_without_a_clock_a_window_is_an_error() -> None:
    assert choose(flag(replace(ALL_V2, window=Window(start=10, end=None)))).error is ErrorCode.GENERAL


def test_a_unit_set_that_is_not_loaded_is_an_error_and_the_kill_switch_works_still() -> None:
    broken = flag(replace(ALL_V2, conditions=(InSegment("gone"),)))

    assert choose(broken).error is ErrorCode.GENERAL
    assert choose(replace(broken, enabled=False)).reason is Reason.OFF


@pytest.mark.parametrize(
    ("scheme", "rule_id"), [(Scheme.FLAGD, None), (Scheme.POINTSMAN, None), (Scheme.LAUNCHDARKLY, "all")]
)
def test_a_rule_that_buckets_by_a_missing_attribute_is_skipped_but_for_launchdarkly(
    scheme: Scheme, rule_id: str | None
) -> None:
    hashing = Hashing(scheme=scheme, seed="s", attribute="account")

    assert choose(flag(replace(rule("all"), hashing=hashing))).rule == rule_id


def test_raising_coverage_moves_nobody_who_is_in() -> None:
    def served(share: int) -> dict[str, str]:
        one = ruleset(flag(replace(rule("r1"), gates=(coverage(share),))))
        choices = [Evaluation(one).choose("digit-reader", unit, None, None) for unit in UNITS]
        return {choice.unit: choice.variant for choice in choices if choice.rule}

    none, ten, half, whole = (served(share) for share in (0, 10_000, 50_000, 100_000))

    assert not none
    assert len(whole) == len(UNITS)
    assert ten.items() < half.items() < whole.items()
