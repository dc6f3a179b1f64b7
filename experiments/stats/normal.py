"""The normal distribution's two functions that every z method needs, from the standard library."""

import math
from statistics import NormalDist

from experiments.stats.results import check_alpha

_STANDARD = NormalDist()


def two_sided_p(z: float) -> float:
    """P(|Z| >= |z|), by the survival function: exact to the last digits far into the tail."""
    return math.erfc(abs(z) / math.sqrt(2.0))


def critical_z(alpha: float) -> float:
    """The z that a standard normal exceeds in size with probability alpha (1.96 for 0.05)."""
    return -_STANDARD.inv_cdf(check_alpha(alpha) / 2.0)
