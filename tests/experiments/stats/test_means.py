"""Two means, against scipy and against what the methods promise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from experiments.stats.means import fieller, welch
from experiments.stats.moments import Moments
from experiments.stats.results import Estimate, NotEstimable, Test

samples = st.lists(
    st.floats(min_value=-1e3, max_value=1e3).map(lambda x: round(x, 3)), min_size=2, max_size=30
)
alphas = st.floats(0.001, 0.5)


@pytest.mark.filterwarnings("ignore:Precision loss occurred")  # scipy's word on one constant arm
@given(left=samples, right=samples, alpha=alphas)
def test_welch_agrees_with_scipy(left: list[float], right: list[float], alpha: float) -> None:
    answer = welch(Moments.of(left), Moments.of(right), alpha=alpha)

    if isinstance(answer, NotEstimable):
        assert len(set(left)) == len(set(right)) == 1
        return
    assert isinstance(answer.test, Test)
    expected = ttest_ind(right, left, equal_var=False)
    interval = expected.confidence_interval(1 - alpha)
    assert answer.test.statistic == pytest.approx(expected.statistic, rel=1e-7, abs=1e-9)
    assert answer.test.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    assert answer.test.df == pytest.approx(expected.df, rel=1e-7)
    assert (answer.interval.low, answer.interval.high) == pytest.approx(tuple(interval), rel=1e-6, abs=1e-8)


def test_a_far_tail_keeps_its_digits() -> None:
    control, treatment = (
        Moments(n=50_000, mean=0.0, m2=50_000.0),
        Moments(n=50_000, mean=0.2, m2=50_000.0),
    )

    answer = welch(control, treatment, alpha=0.05)

    assert isinstance(answer, Estimate)
    assert isinstance(answer.test, Test)
    # The density integrated by quadrature gives a logarithm (base 10) of -217.660697.
    assert math.log10(answer.test.p_value) == pytest.approx(-217.660697, abs=1e-5)


@given(left=samples, right=samples, alpha=alphas)
def test_the_relative_view_is_significant_exactly_when_the_absolute_is(
    left: list[float], right: list[float], alpha: float
) -> None:
    absolute = welch(Moments.of(left), Moments.of(right), alpha=alpha)
    relative = fieller(Moments.of(left), Moments.of(right), alpha=alpha)

    if isinstance(absolute, NotEstimable) or isinstance(relative, NotEstimable):
        return
    assert relative.test == absolute.test
    assert relative.value * absolute.value >= 0
    margin = min(abs(absolute.interval.low), abs(absolute.interval.high))
    if margin > 1e-9:  # closer than that, rounding decides
        assert (0.0 in relative.interval) == (0.0 in absolute.interval)


@given(left=samples, right=samples, alpha=alphas)
def test_fiellers_ends_are_where_the_ratio_is_just_not_rejected(
    left: list[float], right: list[float], alpha: float
) -> None:
    control, treatment = Moments.of(left), Moments.of(right)
    answer = fieller(control, treatment, alpha=alpha)

    if isinstance(answer, NotEstimable):
        return
    direct = welch(control, treatment, alpha=alpha)
    assert isinstance(direct, Estimate)
    assert answer.value in answer.interval
    error = math.sqrt(control.variance / control.n + treatment.variance / treatment.n)
    critical = (direct.interval.high - direct.value) / error
    for end in (answer.interval.low, answer.interval.high):
        theta = 1.0 + end * math.copysign(1.0, control.mean)
        gap = treatment.mean - theta * control.mean
        reach = critical * math.sqrt(
            treatment.variance / treatment.n + theta**2 * control.variance / control.n
        )
        scale = abs(treatment.mean) + abs(theta * control.mean) + reach
        assert abs(gap) == pytest.approx(reach, rel=1e-6, abs=1e-6 * scale)


def test_a_known_fieller_interval() -> None:
    # Equal arms of mean 100 and standard error 2 at z = 1.96 (huge samples): g = .0392², so the ratio's
    # limits are (1 ± sqrt(1 - (1 - g)²)) / (1 - g).
    arm = Moments(n=1_000_000, mean=100.0, m2=4.0 * 1_000_000 * 999_999)
    g = (1.959963984540054 * 2 / 100) ** 2

    answer = fieller(arm, arm, alpha=0.05)

    assert isinstance(answer, Estimate)
    assert answer.value == 0.0
    assert answer.interval.high == pytest.approx((1 + math.sqrt(1 - (1 - g) ** 2)) / (1 - g) - 1, rel=1e-5)


def test_the_relative_difference_of_negative_means_keeps_its_sign() -> None:
    control, treatment = Moments.of([-10.0, -11.0, -9.0]), Moments.of([-8.0, -7.9, -8.1])

    answer = fieller(control, treatment, alpha=0.05)

    assert isinstance(answer, Estimate)
    assert answer.value == pytest.approx(0.2)
    assert answer.value in answer.interval


def test_a_control_mean_near_zero_has_no_relative_difference() -> None:
    answer = fieller(Moments.of([-1.0, 1.0, 0.1]), Moments.of([5.0, 6.0]), alpha=0.05)

    assert isinstance(answer, NotEstimable)
    assert "not away from zero" in answer.reason


def test_equal_huge_means_with_a_unit_spread_are_not_significant() -> None:
    noise = np.random.default_rng(1).normal(size=(2, 10_000))

    answer = welch(Moments.of(1e9 + noise[0]), Moments.of(1e9 + noise[1]), alpha=0.05)

    shifted = ttest_ind(noise[1], noise[0], equal_var=False)
    assert isinstance(answer, Estimate)
    assert isinstance(answer.test, Test)
    assert answer.test.p_value == pytest.approx(shifted.pvalue, abs=1e-4)
    assert 0.0 in answer.interval


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        ([], [1.0, 2.0], "control arm has no units"),
        ([1.0, 2.0], [], "treatment arm has no units"),
        ([1.0], [1.0, 2.0], "control arm has 1 unit"),
        ([1.0, 2.0], [3.0], "treatment arm has 1 unit"),
        ([2.0, 2.0], [3.0, 3.0], "no variance"),
        ([0.0, 0.0], [0.0, 0.0], "no variance"),
        ([1.0, math.inf], [1.0, 2.0], "infinite"),
        ([1.0, 2.0], [-math.inf, 2.0], "infinite"),
        ([1e9, 1e9 + 1.2e-7] * 500, [1e9, 1e9] * 500, "rounding"),
    ],
)
def test_degenerate_arms_are_not_estimable(control: list[float], treatment: list[float], reason: str) -> None:
    for method in (welch, fieller):
        answer = method(Moments.of(control), Moments.of(treatment), alpha=0.05)

        assert isinstance(answer, NotEstimable)
        assert reason in answer.reason


def test_one_constant_arm_is_compared_all_the_same() -> None:
    answer = welch(Moments.of([5.0] * 10), Moments.of([4.0, 5.0, 9.0]), alpha=0.05)

    assert isinstance(answer, Estimate)
    assert isinstance(answer.test, Test)
    assert answer.test.df == pytest.approx(2.0)


def test_a_ratio_beyond_a_double_is_not_estimable() -> None:
    tiny, huge = Moments.of([1e-300] * 5), Moments.of([1e120, 2e120, 3e120])

    answer = fieller(tiny, huge, alpha=0.05)

    assert isinstance(answer, NotEstimable)
    assert "too large" in answer.reason
    assert isinstance(welch(tiny, huge, alpha=0.05), Estimate)


def test_means_that_no_spread_can_rise_above_are_not_estimable() -> None:
    arms = Moments(n=2, mean=-1.7e308, m2=1e300), Moments(n=2, mean=1.7e308, m2=1e300)

    for method in (welch, fieller):
        answer = method(*arms, alpha=0.05)

        assert isinstance(answer, NotEstimable)
        assert "rounding" in answer.reason
