"""Two proportions: the pooled z test, Newcombe's interval, and Katz's interval for the ratio."""

import math
from dataclasses import dataclass
from typing import Final

from experiments.stats.moments import Moments
from experiments.stats.normal import critical_z, two_sided_p
from experiments.stats.results import Estimate, Interval, NotEstimable, Test

METHOD: Final = "pooled two-proportion z test, Newcombe interval"
RELATIVE_METHOD: Final = "pooled two-proportion z test, Katz log interval"
_NOT_A_SHARE: Final = NotEstimable(reason="the values are not all 0 or 1, so they have no proportion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """``successes`` of ``n`` units. ValueError: successes outside 0..n."""

    successes: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.n:
            raise ValueError(f"{self.successes} successes of {self.n} units cannot be")

    @property
    def share(self) -> float:
        """In 0..1; ZeroDivisionError for no units."""
        return self.successes / self.n

    @classmethod
    def of(cls, moments: Moments) -> "Tally | NotEstimable":
        """The tally behind moments of zeros and ones. NotEstimable: they are moments of something else."""
        if not moments.finite:
            return _NOT_A_SHARE
        successes = round(moments.n * moments.mean)
        expected = Moments.of_successes(successes, moments.n) if 0 <= successes <= moments.n else None
        tolerance = 1e-6 * max(1, moments.n)
        if expected is None or abs(expected.m2 - moments.m2) > tolerance:
            return _NOT_A_SHARE
        return cls(successes=successes, n=moments.n)


def pooled_z(control: Tally, treatment: Tally) -> Test | NotEstimable:
    """The two-sided z test of equal proportions, variance pooled, no continuity correction.

    NotEstimable: an empty arm; no successes at all or nothing but successes (no variance).
    Source: Fleiss, Levin & Paik (2003), §3.2. Checked against statsmodels' proportions_ztest.
    """
    if empty := _empty(control, treatment):
        return empty
    successes, n = control.successes + treatment.successes, control.n + treatment.n
    if successes in (0, n):
        which = "no unit" if successes == 0 else "every unit"
        return NotEstimable(
            reason=f"{which} in either arm is a success, so there is no variance to test with"
        )
    pooled = successes / n
    error = math.sqrt(pooled * (1.0 - pooled) * (1.0 / control.n + 1.0 / treatment.n))
    z = (treatment.share - control.share) / error
    return Test(statistic=z, p_value=two_sided_p(z))


def difference(control: Tally, treatment: Tally, *, alpha: float) -> Estimate | NotEstimable:
    """Treatment's share minus control's, as a share (0.01 = one percentage point), with Newcombe's interval.

    The interval exists without any success too; the test then does not. NotEstimable: an empty arm.
    Source: Newcombe (1998), Statistics in Medicine 17:873-890, method 10 (hybrid score, no correction).
    """
    z = critical_z(alpha)
    if empty := _empty(control, treatment):
        return empty
    base, share = control.share, treatment.share
    base_low, base_high = wilson(control, z)
    low, high = wilson(treatment, z)
    value = share - base
    interval = Interval(
        low=max(-1.0, value - math.hypot(share - low, base_high - base)),
        high=min(1.0, value + math.hypot(high - share, base - base_low)),
    )
    test = pooled_z(control, treatment)
    return Estimate(value=value, interval=interval, test=test, alpha=alpha, method=METHOD)


def relative(control: Tally, treatment: Tally, *, alpha: float) -> Estimate | NotEstimable:
    """Treatment's share over control's, minus 1 (0.05 = 5 % more), with Katz's log interval.

    NotEstimable: an empty arm; no success in an arm (the ratio or its logarithm is undefined); nothing but
    successes in both (no variance).
    Source: Katz, Baptista, Azen & Pike (1978), Biometrics 34. Checked against statsmodels (compare="ratio").
    """
    z = critical_z(alpha)
    if empty := _empty(control, treatment):
        return empty
    for name, arm in (("control", control), ("treatment", treatment)):
        if arm.successes == 0:
            return NotEstimable(
                reason=f"no unit of the {name} arm is a success, so the ratio has no interval"
            )
    variance = sum(1.0 / arm.successes - 1.0 / arm.n for arm in (control, treatment))
    if variance <= 0.0:
        return NotEstimable(reason="every unit in both arms is a success, so there is no variance")
    log_ratio = math.log(treatment.share) - math.log(control.share)
    reach = z * math.sqrt(variance)
    return Estimate(
        value=treatment.share / control.share - 1.0,
        interval=Interval(low=math.expm1(log_ratio - reach), high=math.expm1(log_ratio + reach)),
        test=pooled_z(control, treatment),
        alpha=alpha,
        method=RELATIVE_METHOD,
    )


def wilson(tally: Tally, z: float) -> tuple[float, float]:
    """Wilson's score limits of one share at critical value z.

    Source: Wilson (1927), JASA 22. Checked against statsmodels' proportion_confint(method="wilson").
    """
    n, share = tally.n, tally.share
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1.0 - share) / n + z * z / (4 * n * n))
    scale = 1.0 + z * z / n
    # At the ends the exact limits are 0 and 1; rounding must not step over them, or over the share.
    low = 0.0 if tally.successes == 0 else (centre - spread) / scale
    high = 1.0 if tally.successes == n else (centre + spread) / scale
    return low, high


def _empty(control: Tally, treatment: Tally) -> NotEstimable | None:
    for name, arm in (("control", control), ("treatment", treatment)):
        if arm.n == 0:
            return NotEstimable(reason=f"the {name} arm has no units")
    return None
