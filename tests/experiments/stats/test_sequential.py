"""Confidence sequences: the published numbers, coherence, and what they promise under peeking."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats.means import welch
from experiments.stats.moments import Moments
from experiments.stats.results import Estimate, Interval, NotEstimable
from experiments.stats.sequential import AlwaysValid, Sequence, always_valid

samples = st.lists(
    st.floats(min_value=-1e3, max_value=1e3).map(lambda x: round(x, 3)), min_size=2, max_size=30
)


def test_the_published_multiplier() -> None:
    # alpha .05, tuned for 5,000, at n = 1,000 (Waudby-Smith et al. 2021).
    assert Sequence().multiplier(1_000) == pytest.approx(3.363888, abs=5e-7)


def test_the_sequence_is_tightest_where_it_was_tuned() -> None:
    sequence = Sequence(tuned_for=2_000)
    widths = {n: sequence.multiplier(n) / math.sqrt(n) for n in (1_000, 2_000, 4_000)}
    rivals = [Sequence(tuned_for=other).multiplier(2_000) for other in (1_000, 4_000, 500)]

    assert widths[1_000] > widths[2_000] > widths[4_000]
    assert all(sequence.multiplier(2_000) < rival for rival in rivals)


@given(left=samples, right=samples, alpha=st.floats(0.001, 0.5), tuned_for=st.integers(1, 1_000_000))
def test_p_value_and_both_intervals_agree_on_zero(
    left: list[float], right: list[float], alpha: float, tuned_for: int
) -> None:
    answer = always_valid(Moments.of(left), Moments.of(right), Sequence(alpha=alpha, tuned_for=tuned_for))

    if isinstance(answer, NotEstimable):
        return
    margin = min(abs(answer.interval.low), abs(answer.interval.high))
    if margin < 1e-9:  # closer than that, rounding decides
        return
    assert (answer.p_value <= alpha) == (0.0 not in answer.interval)
    if isinstance(answer.relative, Interval):
        assert (0.0 in answer.relative) == (0.0 in answer.interval)


@given(left=samples, right=samples)
def test_it_is_wider_than_the_interval_of_one_look_at_many_units(
    left: list[float], right: list[float]
) -> None:
    control, treatment = Moments.of(left * 20), Moments.of(right * 20)

    fixed, sequence = welch(control, treatment, alpha=0.05), always_valid(control, treatment, Sequence())

    if isinstance(fixed, Estimate):
        assert isinstance(sequence, AlwaysValid)
        assert sequence.interval.low < fixed.interval.low
        assert fixed.interval.high < sequence.interval.high


def test_the_p_value_inverts_the_interval() -> None:
    # At z = the multiplier, zero is exactly on the interval's edge: p is alpha.
    for alpha in (0.2, 0.05, 1e-6):
        sequence = Sequence(alpha=alpha)

        assert sequence.p_value(sequence.multiplier(700), 700) == pytest.approx(alpha, rel=1e-9)
    assert Sequence().p_value(0.0, 700) == 1.0
    assert Sequence().p_value(math.inf, 700) == 0.0


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        ([], [1.0, 2.0], "no units"),
        ([1.0], [1.0, 2.0], "1 unit"),
        ([0.0, 0.0], [0.0, 0.0], "no variance"),
        ([1.0, math.inf], [1.0, 2.0], "infinite"),
    ],
)
def test_degenerate_arms_are_not_estimable(control: list[float], treatment: list[float], reason: str) -> None:
    answer = always_valid(Moments.of(control), Moments.of(treatment), Sequence())

    assert isinstance(answer, NotEstimable)
    assert reason in answer.reason


def test_a_control_around_zero_has_no_relative_interval() -> None:
    answer = always_valid(Moments.of([-1.0, 1.0]), Moments.of([2.0, 3.0]), Sequence())

    assert isinstance(answer, AlwaysValid)
    assert isinstance(answer.relative, NotEstimable)


def test_an_impossible_design_is_refused() -> None:
    with pytest.raises(ValueError, match="alpha"):
        Sequence(alpha=1.5)
    with pytest.raises(ValueError, match="tuned for"):
        Sequence(tuned_for=0)
    with pytest.raises(ValueError, match="at least 1"):
        Sequence().multiplier(0)
    with pytest.raises(ValueError, match="at least 1"):
        Sequence().p_value(1.0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["normal", "proportion"])
def test_peeking_fifty_times_errs_no_more_than_alpha_where_naive_peeking_does(kind: str) -> None:
    runs, looks, per_look, alpha = 3_000, 50, 100, 0.05
    rng = np.random.default_rng(20261121)
    draws = _draws(rng, kind, (2, runs, looks, per_look))
    units = per_look * np.arange(1, looks + 1)
    sums, squares = draws.sum(-1).cumsum(-1), (draws**2).sum(-1).cumsum(-1)
    means = sums / units
    # Test data of mean near 0 and spread near 1: here, and only here, sums of squares are harmless.
    errors = np.sqrt(((squares - units * means**2) / (units - 1) / units).sum(0))
    z = np.abs(means[1] - means[0]) / errors

    sequence = Sequence(alpha=alpha, tuned_for=5_000)
    bounds = np.array([sequence.multiplier(2 * int(n)) for n in units])
    always_valid_errors = (z > bounds).any(-1).mean()
    naive_errors = (z > 1.959963984540054).any(-1).mean()

    assert always_valid_errors <= alpha
    assert naive_errors > 0.25


def _draws(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    if kind == "normal":
        return rng.standard_normal(shape)
    return (rng.random(shape) < 0.2).astype(float)
