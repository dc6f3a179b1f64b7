"""Always-valid inference: intervals and p-values that stay right however often people look (law 7).

An asymptotic confidence sequence covers the truth at all sample sizes at once with probability 1 - alpha.
Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, "Time-uniform central limit theory and asymptotic
confidence sequences" (2021, arXiv:2103.06476; Annals of Statistics 52, 2024).
"""

import math
from dataclasses import dataclass
from typing import Final

from experiments.stats.means import ratio_interval, standard_error
from experiments.stats.moments import Moments
from experiments.stats.results import Interval, NotEstimable, check_alpha

METHOD: Final = "asymptotic confidence sequence"

# Total units, both arms, at which the sequence is tightest. Valid at every size, whatever this is.
TUNED_FOR: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """The design of a confidence sequence, fixed before the first look.

    ``alpha`` two-sided; ``tuned_for`` total units at which the interval is to be tightest.
    ValueError: alpha outside (0, 1), or tuned_for below 1.
    """

    alpha: float = 0.05
    tuned_for: int = TUNED_FOR

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if self.tuned_for < 1:
            raise ValueError(f"a sequence is tuned for at least 1 unit, not {self.tuned_for}")

    @property
    def rho_squared(self) -> float:
        """The mixture's precision: (-2 ln alpha + ln(-2 ln alpha + 1)) / tuned_for."""
        depth = -2.0 * math.log(self.alpha)
        return (depth + math.log(depth + 1.0)) / self.tuned_for

    def multiplier(self, n: int) -> float:
        """How many standard errors the interval reaches to either side at n units of both arms together.

        3.363888 for alpha 0.05, tuned for 5,000, at n = 1,000. ValueError: n below 1.
        """
        if n < 1:
            raise ValueError(f"a multiplier needs at least 1 unit, not {n}")
        mass = n * self.rho_squared
        # log(sqrt(mass + 1) / alpha), without overflow for a tiny alpha
        return math.sqrt(2.0 * (mass + 1.0) / mass * (0.5 * math.log1p(mass) - math.log(self.alpha)))

    def p_value(self, z: float, n: int) -> float:
        """The smallest level at which the interval excludes zero, the design's rho kept; at most 1.

        ``z`` is the difference over its standard error. At most alpha exactly when the interval at alpha
        excludes zero. ValueError: n below 1.
        """
        if n < 1:
            raise ValueError(f"a p-value needs at least 1 unit, not {n}")
        mass = n * self.rho_squared
        return min(1.0, math.exp(0.5 * math.log1p(mass) - 0.5 * z * z * mass / (mass + 1.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class AlwaysValid:
    """What can be said at this look, knowing that there may be others."""

    interval: Interval
    """Of the difference, treatment minus control, in the metric's unit."""
    relative: Interval | NotEstimable
    """Of the difference as a share of the size of control's mean; excludes 0 exactly when `interval` does."""
    p_value: float


def always_valid(control: Moments, treatment: Moments, sequence: Sequence) -> AlwaysValid | NotEstimable:
    """The always-valid interval and p-value of the difference in means (a proportion is a mean of 0 and 1).

    Variances are not pooled. NotEstimable: fewer than 2 units in an arm, zero variance in both, or values
    beyond a double's range.
    """
    error = standard_error(control, treatment)
    if isinstance(error, NotEstimable):
        return error
    n = control.n + treatment.n
    multiplier = sequence.multiplier(n)
    value = treatment.mean - control.mean
    reach = multiplier * error
    return AlwaysValid(
        interval=Interval(low=value - reach, high=value + reach),
        relative=ratio_interval(control, treatment, critical=multiplier),
        p_value=sequence.p_value(value / error, n),
    )
