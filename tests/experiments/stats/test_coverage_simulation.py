"""Intervals cover the truth as often as they say, within three binomial standard errors."""

import math

import numpy as np
import pytest

from experiments.stats import proportions
from experiments.stats.means import fieller, welch
from experiments.stats.moments import Moments
from experiments.stats.proportions import Tally
from experiments.stats.results import Estimate, NotEstimable

RUNS = 3_000
ALPHA = 0.1


def within_three_errors(hits: int) -> bool:
    return abs(hits / RUNS - (1 - ALPHA)) <= 3 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)


@pytest.mark.slow
def test_newcombe_and_katz_cover_the_true_difference() -> None:
    rng = np.random.default_rng(7)
    control, treatment = rng.binomial(800, 0.2, RUNS), rng.binomial(400, 0.26, RUNS)
    arms = [
        (Tally(successes=int(x), n=800), Tally(successes=int(y), n=400))
        for x, y in zip(control, treatment, strict=True)
    ]

    absolute = sum(_covers(proportions.difference(*pair, alpha=ALPHA), 0.06) for pair in arms)
    relative = sum(_covers(proportions.relative(*pair, alpha=ALPHA), 0.3) for pair in arms)

    assert within_three_errors(absolute)
    assert within_three_errors(relative)


@pytest.mark.slow
def test_welch_and_fieller_cover_the_true_difference() -> None:
    rng = np.random.default_rng(11)
    control, treatment = rng.normal(10, 4, (RUNS, 30)), rng.normal(12, 9, (RUNS, 50))
    arms = [(_moments(x), _moments(y)) for x, y in zip(control, treatment, strict=True)]

    absolute = sum(_covers(welch(*pair, alpha=ALPHA), 2.0) for pair in arms)
    relative = sum(_covers(fieller(*pair, alpha=ALPHA), 0.2) for pair in arms)

    assert within_three_errors(absolute)
    assert within_three_errors(relative)


def _moments(values: np.ndarray) -> Moments:
    mean = float(values.mean())
    return Moments(n=len(values), mean=mean, m2=float(((values - mean) ** 2).sum()))


def _covers(answer: Estimate | NotEstimable, truth: float) -> bool:
    assert isinstance(answer, Estimate)
    return truth in answer.interval
