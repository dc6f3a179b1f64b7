"""The sample-ratio check, against a published example and scipy."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from experiments.stats.results import NotEstimable
from experiments.stats.srm import SampleRatio, sample_ratio


def test_fabijans_example_raises_the_alarm() -> None:
    # Fabijan et al. (2019), KDD: 821,588 against 815,482 units of a 50/50 split, p = 1.82e-6.
    answer = sample_ratio({"a": 821_588, "b": 815_482}, {"a": 0.5, "b": 0.5})

    assert isinstance(answer, SampleRatio)
    assert answer.p_value == pytest.approx(1.82e-6, rel=3e-3)
    assert answer.alarm


def test_cookie_cats_does_not() -> None:
    answer = sample_ratio({"gate_30": 44_700, "gate_40": 45_489}, {"gate_30": 1, "gate_40": 1})

    assert isinstance(answer, SampleRatio)
    assert answer.chi2 == pytest.approx(6.9024, abs=5e-5)
    assert answer.p_value == pytest.approx(0.00861, abs=5e-6)
    assert not answer.alarm
    assert answer.expected == {"gate_30": 45_094.5, "gate_40": 45_094.5}


@given(
    counts=st.lists(st.integers(0, 100_000), min_size=2, max_size=10).filter(any),
    data=st.data(),
)
def test_it_agrees_with_scipy(counts: list[int], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(1, 100), min_size=len(counts), max_size=len(counts)))
    names = [f"v{index}" for index in range(len(counts))]

    answer = sample_ratio(dict(zip(names, counts, strict=True)), dict(zip(names, weights, strict=True)))

    expected = [sum(counts) * weight / sum(weights) for weight in weights]
    chi2, p = chisquare(counts, expected)
    assert isinstance(answer, SampleRatio)
    assert answer.chi2 == pytest.approx(chi2, rel=1e-9, abs=1e-9)
    assert answer.p_value == pytest.approx(p, rel=1e-6, abs=1e-300)
    assert answer.alarm == (answer.p_value < 0.001)


def test_a_planned_variant_that_nobody_met_counts_as_zero() -> None:
    answer = sample_ratio({"a": 1_000}, {"a": 1, "b": 1})

    assert isinstance(answer, SampleRatio)
    assert answer.observed == {"a": 1_000, "b": 0}
    assert answer.alarm


@pytest.mark.parametrize(
    ("observed", "planned", "reason"),
    [({}, {"a": 1.0, "b": 1.0}, "no units"), ({"a": 3}, {"a": 1.0}, "single variant")],
)
def test_without_units_or_a_second_variant_there_is_no_ratio(
    observed: dict[str, int], planned: dict[str, float], reason: str
) -> None:
    answer = sample_ratio(observed, planned)

    assert isinstance(answer, NotEstimable)
    assert reason in answer.reason


@pytest.mark.parametrize("weight", [0.0, -1.0, math.inf, math.nan])
def test_an_impossible_weight_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="'a' must be a positive number"):
        sample_ratio({"a": 1}, {"a": weight, "b": 1.0})


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot hold -1"):
        sample_ratio({"a": -1}, {"a": 1.0, "b": 1.0})
    with pytest.raises(ValueError, match="'c', which the planned split does not name"):
        sample_ratio({"c": 1}, {"a": 1.0, "b": 1.0})
