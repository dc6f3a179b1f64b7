"""Missing measurements: noticed where the arms differ, not where both lack the same share."""

import pytest
from scipy.stats import chi2_contingency

from experiments.stats.measured import p_value_of_difference


@pytest.mark.parametrize(
    ("measured", "units"),
    [
        ({"a": 2_000, "b": 919}, {"a": 2_000, "b": 2_000}),
        ({"a": 900, "b": 880}, {"a": 1_000, "b": 1_000}),
        ({"a": 90, "b": 85, "c": 70}, {"a": 100, "b": 100, "c": 100}),
        ({"a": 10, "b": 990}, {"a": 11, "b": 1_000}),
    ],
)
def test_it_agrees_with_scipy(measured: dict[str, int], units: dict[str, int]) -> None:
    table = [[measured[arm], units[arm] - measured[arm]] for arm in units]

    p_value = p_value_of_difference(measured, units)

    assert p_value == pytest.approx(chi2_contingency(table, correction=False).pvalue, rel=1e-9)


@pytest.mark.parametrize(
    ("measured", "units"),
    [
        ({"a": 10, "b": 10}, {"a": 10, "b": 10}),
        ({"a": 0, "b": 0}, {"a": 10, "b": 10}),
        ({"a": 5}, {"a": 10}),
        ({"a": 5}, {"a": 10, "b": 0}),
        ({}, {}),
    ],
)
def test_without_a_difference_to_test_there_is_none(measured: dict[str, int], units: dict[str, int]) -> None:
    assert p_value_of_difference(measured, units) is None
