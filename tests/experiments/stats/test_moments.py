"""Moments: exact where sums of squares drown, and mergeable in any order."""

import math
from statistics import fmean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats.moments import EMPTY, Moments

numbers = st.lists(st.floats(min_value=-1e6, max_value=1e6), max_size=40)


def test_moments_of_a_few_numbers() -> None:
    moments = Moments.of([1.0, 2.0, 3.0, 6.0])

    assert moments == Moments(n=4, mean=3.0, m2=14.0)
    assert moments.variance == pytest.approx(14 / 3)


def test_a_huge_mean_keeps_a_tiny_spread() -> None:
    values = [1e9 + 1e-3 * step for step in range(1001)]

    assert Moments.of(values).variance == pytest.approx(1e-6 * variance(range(1001)), rel=1e-4)


def test_nist_numacc4_is_exact() -> None:
    # NIST StRD univariate "NumAcc4": 1001 values around 10,000,000.2; certified mean and deviation 0.1.
    values = [10000000.2, *([10000000.1, 10000000.3] * 500)]

    moments = Moments.of(values)

    assert moments.mean == pytest.approx(10000000.2, rel=1e-15)
    assert math.sqrt(moments.variance) == pytest.approx(0.1, rel=1e-7)  # the inputs' own rounding


def test_successes_are_moments_of_zeros_and_ones() -> None:
    assert Moments.of_successes(3, 10).mean == Moments.of([1.0] * 3 + [0.0] * 7).mean
    assert Moments.of_successes(3, 10).m2 == pytest.approx(2.1)
    assert Moments.of_successes(0, 0) == EMPTY


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e200])
def test_what_cannot_be_squared_is_not_finite(value: float) -> None:
    assert not Moments.of([1.0, value]).finite


def test_no_values_are_empty() -> None:
    assert Moments.of([]) is EMPTY


def test_one_unit_has_no_variance() -> None:
    with pytest.raises(ValueError, match="fewer than 2"):
        _ = Moments.of([5.0]).variance


@pytest.mark.parametrize(("n", "m2"), [(-1, 0.0), (1, -1.0)])
def test_impossible_moments_are_refused(n: int, m2: float) -> None:
    with pytest.raises(ValueError, match="moments need"):
        Moments(n=n, mean=0.0, m2=m2)


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5)])
def test_impossible_successes_are_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Moments.of_successes(successes, n)


@given(numbers, numbers)
def test_merging_equals_computing_at_once(left: list[float], right: list[float]) -> None:
    merged, whole = Moments.of(left).merge(Moments.of(right)), Moments.of(left + right)

    assert merged.n == whole.n
    assert merged.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-6)
    assert merged.m2 == pytest.approx(whole.m2, rel=1e-9, abs=1e-3)


@given(st.lists(st.floats(min_value=-1e6, max_value=1e6), min_size=2, max_size=40))
def test_they_agree_with_the_standard_library(values: list[float]) -> None:
    moments = Moments.of(values)

    assert moments.mean == pytest.approx(fmean(values), rel=1e-12, abs=1e-9)
    assert moments.variance == pytest.approx(variance(values), rel=1e-9, abs=1e-6)
