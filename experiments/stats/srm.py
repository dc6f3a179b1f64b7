"""Sample-ratio mismatch: do the arms hold the shares of units that were planned?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from experiments.stats.results import NotEstimable

# Fabijan et al. (2019): at 0.001 a healthy experiment raises a false alarm once in a thousand.
ALARM_BELOW: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRatio:
    """The χ² goodness of fit of observed units to the planned split."""

    chi2: float
    p_value: float
    alarm: bool
    """True at p < 0.001: units were lost or misdirected, and no comparison of these arms can be trusted."""
    expected: Mapping[str, float]
    """Units that the plan would have given each variant."""
    observed: Mapping[str, int]


def sample_ratio(observed: Mapping[str, int], planned: Mapping[str, float]) -> SampleRatio | NotEstimable:
    """Compare units seen in each variant with the planned weights (any positive scale).

    A variant that was planned but never seen counts as 0. NotEstimable: no units, or a single variant.
    ValueError: a weight that is not a positive finite number, a negative count, or units in a variant that
    the plan does not name.
    Source: Fabijan et al. (2019), "Diagnosing Sample Ratio Mismatch", KDD. Checked against
    scipy.stats.chisquare.
    """
    _check(observed, planned)
    counts = {variant: observed.get(variant, 0) for variant in planned}
    total = sum(counts.values())
    if total == 0:
        return NotEstimable(reason="no units have been seen")
    if len(planned) < 2:
        return NotEstimable(reason="a single variant has no ratio")
    weight = math.fsum(planned.values())
    expected = {variant: total * (share / weight) for variant, share in planned.items()}
    chi2 = math.fsum((counts[variant] - units) ** 2 / units for variant, units in expected.items())
    p_value = chi2_survival(chi2, df=len(planned) - 1)
    return SampleRatio(
        chi2=chi2, p_value=p_value, alarm=p_value < ALARM_BELOW, expected=expected, observed=counts
    )


def chi2_survival(chi2: float, *, df: int) -> float:
    """P(X ≥ chi2) of the χ² distribution, right down to the smallest p."""
    if df == 1:
        return math.erfc(math.sqrt(chi2 / 2.0))
    from scipy.special import chdtrc

    return float(chdtrc(df, chi2))


def _check(observed: Mapping[str, int], planned: Mapping[str, float]) -> None:
    for variant, share in planned.items():
        if not (math.isfinite(share) and share > 0):
            raise ValueError(f"the planned weight of {variant!r} must be a positive number, not {share}")
    for variant, count in observed.items():
        if count < 0:
            raise ValueError(f"{variant!r} cannot hold {count} units")
        if count and variant not in planned:
            raise ValueError(f"units were seen in {variant!r}, which the planned split does not name")
