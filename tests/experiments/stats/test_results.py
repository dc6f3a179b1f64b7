"""Results refuse what is not a result."""

import math

import pytest

from experiments.stats.results import Interval


@pytest.mark.parametrize(("low", "high"), [(1.0, 0.0), (math.nan, 1.0), (0.0, math.inf)])
def test_an_interval_has_two_finite_ends_in_order(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="two finite ends"):
        Interval(low=low, high=high)


def test_an_interval_holds_its_ends() -> None:
    assert 1.0 in Interval(low=1.0, high=2.0)
    assert 2.5 not in Interval(low=1.0, high=2.0)
