"""Two proportions, against published tables and statsmodels."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    proportions_ztest,
)

from experiments.stats import proportions
from experiments.stats.moments import Moments
from experiments.stats.normal import critical_z, two_sided_p
from experiments.stats.proportions import Tally
from experiments.stats.results import Estimate, NotEstimable, Test

# Newcombe (1998), Statistics in Medicine 17:873-890, Table II, method 10: x1/n1 minus x2/n2.
NEWCOMBE_TABLE = [
    ((56, 70), (48, 80), (0.0524, 0.3339)),
    ((9, 10), (3, 10), (0.1705, 0.8090)),
    ((6, 7), (2, 7), (0.0582, 0.8062)),
    ((5, 56), (0, 29), (-0.0381, 0.1926)),
    ((0, 10), (0, 20), (-0.1611, 0.2775)),
    ((0, 10), (0, 10), (-0.2775, 0.2775)),
    ((10, 10), (0, 20), (0.6791, 1.0000)),
    ((10, 10), (0, 10), (0.6075, 1.0000)),
]
tallies = st.integers(1, 500).flatmap(
    lambda n: st.builds(lambda x: Tally(successes=x, n=n), st.integers(0, n))
)
mixed = st.integers(2, 500).flatmap(
    lambda n: st.builds(lambda x: Tally(successes=x, n=n), st.integers(1, n - 1))
)


@pytest.mark.parametrize(("first", "second", "expected"), NEWCOMBE_TABLE)
def test_newcombes_own_table(
    first: tuple[int, int], second: tuple[int, int], expected: tuple[float, float]
) -> None:
    treatment = Tally(successes=first[0], n=first[1])
    control = Tally(successes=second[0], n=second[1])

    answer = proportions.difference(control, treatment, alpha=0.05)

    assert isinstance(answer, Estimate)
    assert (answer.interval.low, answer.interval.high) == pytest.approx(expected, abs=5.1e-5)


@given(control=mixed, treatment=mixed, alpha=st.floats(0.001, 0.5))
def test_difference_and_test_agree_with_statsmodels(control: Tally, treatment: Tally, alpha: float) -> None:
    counts = (treatment.successes, treatment.n, control.successes, control.n)
    interval = confint_proportions_2indep(*counts, compare="diff", method="newcomb", alpha=alpha)
    z, p = proportions_ztest([counts[0], counts[2]], [counts[1], counts[3]])

    answer = proportions.difference(control, treatment, alpha=alpha)

    assert isinstance(answer, Estimate)
    assert isinstance(answer.test, Test)
    assert (answer.interval.low, answer.interval.high) == pytest.approx(interval, abs=1e-12)
    assert (answer.test.statistic, answer.test.p_value) == pytest.approx((z, p), rel=1e-9, abs=1e-12)


@given(control=mixed, treatment=mixed, alpha=st.floats(0.001, 0.5))
def test_relative_agrees_with_statsmodels(control: Tally, treatment: Tally, alpha: float) -> None:
    low, high = confint_proportions_2indep(
        treatment.successes,
        treatment.n,
        control.successes,
        control.n,
        compare="ratio",
        method="log",
        alpha=alpha,
    )

    answer = proportions.relative(control, treatment, alpha=alpha)

    assert isinstance(answer, Estimate)
    assert (answer.interval.low, answer.interval.high) == pytest.approx((low - 1, high - 1), abs=1e-9)
    assert answer.value in answer.interval
    assert answer.test == proportions.pooled_z(control, treatment)


@given(tally=tallies, alpha=st.floats(0.001, 0.5))
def test_wilson_agrees_with_statsmodels(tally: Tally, alpha: float) -> None:
    expected = proportion_confint(tally.successes, tally.n, alpha=alpha, method="wilson")

    assert proportions.wilson(tally, critical_z(alpha)) == pytest.approx(expected, abs=1e-12)


@given(control=tallies, treatment=tallies)
def test_swapping_the_arms_mirrors_the_interval(control: Tally, treatment: Tally) -> None:
    there = proportions.difference(control, treatment, alpha=0.05)
    back = proportions.difference(treatment, control, alpha=0.05)

    assert isinstance(there, Estimate)
    assert isinstance(back, Estimate)
    assert there.value in there.interval
    assert there.interval.low >= -1.0
    assert there.interval.high <= 1.0
    assert (there.interval.low, there.interval.high) == pytest.approx(
        (-back.interval.high, -back.interval.low), abs=1e-12
    )


@given(control=mixed, treatment=mixed)
def test_a_smaller_alpha_widens_every_interval(control: Tally, treatment: Tally) -> None:
    for method in (proportions.difference, proportions.relative):
        wide, narrow = method(control, treatment, alpha=0.01), method(control, treatment, alpha=0.1)

        assert isinstance(wide, Estimate)
        assert isinstance(narrow, Estimate)
        assert wide.interval.low < narrow.interval.low
        assert narrow.interval.high < wide.interval.high


def test_a_tiny_p_value_is_not_rounded_to_zero() -> None:
    # 1 - cdf would be exactly 0 from z = 8.3 on.
    assert two_sided_p(30.0) == pytest.approx(9.81e-198, rel=1e-3)
    assert two_sided_p(-30.0) == two_sided_p(30.0)


def test_critical_values_of_the_normal() -> None:
    assert critical_z(0.05) == pytest.approx(1.959963984540054, rel=1e-14)
    assert critical_z(1e-12) == pytest.approx(7.1305, abs=1e-3)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_an_impossible_alpha_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha must lie"):
        critical_z(alpha)


@pytest.mark.parametrize("method", [proportions.difference, proportions.relative])
@pytest.mark.parametrize("empty", ["control", "treatment"])
def test_an_empty_arm_is_not_estimable(method: object, empty: str) -> None:
    arms = {"control": Tally(successes=1, n=2), "treatment": Tally(successes=1, n=2)}
    arms[empty] = Tally(successes=0, n=0)

    answer = method(alpha=0.05, **arms)  # type: ignore[operator]  # a union of two functions, as object

    assert answer == NotEstimable(reason=f"the {empty} arm has no units")
    assert proportions.pooled_z(**arms) == answer


@pytest.mark.parametrize(("successes", "which"), [(0, "no unit"), (10, "every unit")])
def test_without_variance_there_is_an_interval_but_no_test(successes: int, which: str) -> None:
    arm = Tally(successes=successes, n=10)

    answer = proportions.difference(arm, arm, alpha=0.05)

    assert isinstance(answer, Estimate)
    assert answer.value == 0.0
    assert answer.interval.high == pytest.approx(0.2775, abs=5e-5)
    assert isinstance(answer.test, NotEstimable)
    assert which in answer.test.reason


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        ((0, 10), (5, 10), "no unit of the control arm"),
        ((5, 10), (0, 10), "no unit of the treatment arm"),
        ((10, 10), (20, 20), "every unit in both arms"),
    ],
)
def test_a_ratio_without_successes_or_failures_is_not_estimable(
    control: tuple[int, int], treatment: tuple[int, int], reason: str
) -> None:
    answer = proportions.relative(
        Tally(successes=control[0], n=control[1]),
        Tally(successes=treatment[0], n=treatment[1]),
        alpha=0.05,
    )

    assert isinstance(answer, NotEstimable)
    assert reason in answer.reason


def test_a_tally_comes_back_out_of_moments() -> None:
    assert Tally.of(Moments.of([1.0, 0.0, 1.0])) == Tally(successes=2, n=3)
    assert Tally.of(Moments.of([])) == Tally(successes=0, n=0)


@pytest.mark.parametrize("values", [[0.5, 0.5], [2.0, 2.0], [-1.0], [0.0, 2.0], [math.inf, 1.0]])
def test_other_values_than_zero_and_one_have_no_tally(values: list[float]) -> None:
    answer = Tally.of(Moments.of(values))

    assert isinstance(answer, NotEstimable)
    assert "not all 0 or 1" in answer.reason


def test_more_successes_than_units_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Tally(successes=3, n=2)
