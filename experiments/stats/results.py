"""What a statistic answers: an estimate with its interval and test, or why there is none (law 6)."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEstimable:
    """No number can be given; never to be read as zero."""

    reason: str
    """One clause in words, fit to show to a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """``low <= high``, both finite, both in the unit of what they enclose."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"an interval needs two finite ends in order, not {self.low} and {self.high}")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A two-sided test of no difference between the arms."""

    __test__ = False  # not a test case, whatever pytest makes of the name

    statistic: float
    """Positive where the treatment is higher."""
    p_value: float
    """In 0..1, from a survival function: tiny values are exact, not rounded to zero by ``1 - cdf``."""
    df: float | None = None
    """Degrees of freedom; None for a z test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Treatment against control, with its uncertainty."""

    value: float
    """Treatment minus control in the metric's unit; or that as a share of control's size when relative."""
    interval: Interval
    """Two-sided, at ``1 - alpha``."""
    test: Test | NotEstimable
    """The same test for the absolute and the relative view: the p-value never depends on the display."""
    alpha: float
    method: str
    """Names the interval's method and, where it differs, the test's."""


def check_alpha(alpha: float) -> float:
    """``alpha`` itself. ValueError: not strictly between 0 and 1."""
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha must lie strictly between 0 and 1, not {alpha}")
    return alpha
