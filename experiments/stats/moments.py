"""Sufficient statistics of one arm: count, mean and squared deviations. Never a sum of squares."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from experiments.stats.results import NotEstimable

# Beyond this a square no longer fits a double, and neither does any statistic of the value.
LARGEST: Final = 1e150


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """One number per unit, reduced to three.

    ``n`` units measured, their ``mean``, and ``m2`` = sum of (value - mean)², in the squared unit of the
    metric. The mean of no units is 0 by convention and never shown. Values that are infinite, or beyond
    1e150, leave non-finite moments, which every estimator answers with NotEstimable.

    ValueError: negative n or m2.
    """

    n: int
    mean: float
    m2: float

    def __post_init__(self) -> None:
        if self.n < 0 or self.m2 < 0:
            raise ValueError(f"moments need n >= 0 and m2 >= 0, not n={self.n} and m2={self.m2}")

    @classmethod
    def of(cls, values: Iterable[float]) -> "Moments":
        """Moments of numbers in memory, in two passes with exact sums.

        Source: the corrected two-pass algorithm of Chan, Golub & LeVeque (1983), Am. Stat. 37.
        """
        data = [float(value) for value in values]
        if not data:
            return EMPTY
        if not all(abs(value) <= LARGEST for value in data):
            return cls(n=len(data), mean=math.nan, m2=math.nan)
        n = len(data)
        mean = math.fsum(value / n for value in data)
        drift = math.fsum(value - mean for value in data) / n
        mean += drift
        return cls(n=n, mean=mean, m2=math.fsum((value - mean) ** 2 for value in data))

    @classmethod
    def of_successes(cls, successes: int, n: int) -> "Moments":
        """Moments of n zeros and ones. ValueError: successes outside 0..n."""
        if not 0 <= successes <= n:
            raise ValueError(f"{successes} successes of {n} units cannot be")
        if n == 0:
            return EMPTY
        return cls(n=n, mean=successes / n, m2=successes * (n - successes) / n)

    def merge(self, other: "Moments") -> "Moments":
        """Moments of both groups together, stable where the means are close or far apart.

        Source: Chan, Golub & LeVeque (1979), Updating formulae, STAN-CS-79-773.
        """
        if not self.n:
            return other
        if not other.n:
            return self
        n = self.n + other.n
        delta = other.mean - self.mean
        share = other.n / n
        return Moments(
            n=n,
            mean=self.mean + delta * share,
            m2=self.m2 + other.m2 + delta * delta * self.n * share,
        )

    @property
    def finite(self) -> bool:
        """False where a value was infinite or the sums left the range of a double."""
        return math.isfinite(self.mean) and math.isfinite(self.m2)

    @property
    def variance(self) -> float:
        """Sample variance, m2 / (n - 1). ValueError: fewer than 2 units."""
        if self.n < 2:
            raise ValueError("the variance of fewer than 2 units is undefined")
        return self.m2 / (self.n - 1)


EMPTY: Final = Moments(n=0, mean=0.0, m2=0.0)


def unusable(control: Moments, treatment: Moments, *, least: int) -> NotEstimable | None:
    """Why these two arms cannot be compared at all, or None. ``least`` units are needed in each."""
    for name, arm in (("control", control), ("treatment", treatment)):
        if arm.n == 0:
            return NotEstimable(reason=f"the {name} arm has no units")
        if arm.n < least:
            units = "1 unit" if arm.n == 1 else f"{arm.n} units"
            return NotEstimable(reason=f"the {name} arm has {units}, {least} are needed")
        if not arm.finite:
            return NotEstimable(reason=f"the {name} arm holds values that are infinite or too large")
    return None
