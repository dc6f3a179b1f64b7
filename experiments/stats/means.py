"""Two means: Welch's t test and interval, and Fieller's interval for the relative difference."""

import math
from dataclasses import dataclass
from typing import Final

from experiments.stats.moments import Moments, unusable
from experiments.stats.results import Estimate, Interval, NotEstimable, Test, check_alpha

METHOD: Final = "Welch t test and interval"
RELATIVE_METHOD: Final = "Welch t test, Fieller interval"
# A mean in doubles is off by a few units in its last place; a standard error no larger than that would
# make a constant column, or two equal arms of huge mean and tiny spread, "significant".
_ROUNDING_ULPS: Final = 8.0

_NO_VARIANCE: Final = NotEstimable(reason="all values are equal within each arm, so there is no variance")


def welch(control: Moments, treatment: Moments, *, alpha: float) -> Estimate | NotEstimable:
    """Difference in means, treatment minus control, in the metric's unit.

    Moments are over units, not events. The interval is two-sided at 1 - alpha.
    NotEstimable: fewer than 2 units in an arm, zero variance in both, or values beyond a double's range.
    Source: Welch (1947), Biometrika 34; Satterthwaite (1946). Checked against scipy.stats.ttest_ind.
    """
    arms = _errors(control, treatment, alpha)
    if isinstance(arms, NotEstimable):
        return arms
    value = treatment.mean - control.mean
    reach = arms.critical * arms.error
    interval = Interval(low=value - reach, high=value + reach)
    return Estimate(value=value, interval=interval, test=arms.test, alpha=alpha, method=METHOD)


def fieller(control: Moments, treatment: Moments, *, alpha: float) -> Estimate | NotEstimable:
    """Difference in means as a share of the size of control's mean (0.05 = 5 % higher).

    Its sign is the difference's, also where control's mean is negative, and its interval excludes 0
    exactly when Welch's does. NotEstimable: as for `welch`, or control's mean is not away from zero at
    this alpha, so that the ratio has no finite interval.
    Source: Fieller (1954), JRSS B 16:175-185, with Welch's degrees of freedom.
    """
    arms = _errors(control, treatment, alpha)
    if isinstance(arms, NotEstimable):
        return arms
    interval = ratio_interval(control, treatment, critical=arms.critical)
    if isinstance(interval, NotEstimable):
        return interval
    return Estimate(
        value=(treatment.mean - control.mean) / abs(control.mean),
        interval=interval,
        test=arms.test,
        alpha=alpha,
        method=RELATIVE_METHOD,
    )


def ratio_interval(control: Moments, treatment: Moments, *, critical: float) -> Interval | NotEstimable:
    """All relative differences r that the data do not reject.

    That is |difference - r·|control|| <= critical · its standard error. Needs 2 finite units in each arm.
    NotEstimable: control's mean is within `critical` standard errors of zero, or the result overflows.
    """
    base, shift = abs(control.mean), treatment.mean - control.mean
    error, base_error = math.sqrt(treatment.variance / treatment.n), math.sqrt(control.variance / control.n)
    if base <= critical * base_error:
        return NotEstimable(
            reason="the control mean is not away from zero, so a relative difference is undefined"
        )
    # Everything in units of control's mean, so that neither tiny nor huge metrics overflow when squared.
    # With s = sign of control's mean, treatment = control + shift and r is measured from r = 0:
    # (d - r)² <= c²·(v₂ + (r + s)²·v₁), a quadratic in r with a positive leading term.
    sign = math.copysign(1.0, control.mean)
    d, c1, c2 = shift / base, critical * base_error / base, critical * error / base
    v1, v2 = c1 * c1, c2 * c2
    lead, half, rest = 1.0 - v1, d + sign * v1, d * d - v2 - v1
    root = math.sqrt(max(0.0, half * half - lead * rest))
    low, high = (half - root) / lead, (half + root) / lead
    if not (math.isfinite(low) and math.isfinite(high)):
        return NotEstimable(reason="the relative difference is too large to compute")
    return Interval(low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errors:
    error: float
    critical: float
    test: Test


def standard_error(control: Moments, treatment: Moments) -> float | NotEstimable:
    """Standard error of the difference in means, variances not pooled.

    NotEstimable: fewer than 2 units in an arm, no variance in both or none beyond rounding, values beyond
    a double's range.
    """
    if reason := unusable(control, treatment, least=2):
        return reason
    error = math.hypot(
        math.sqrt(control.variance / control.n),
        math.sqrt(treatment.variance / treatment.n),
    )
    if error == 0.0:
        return _NO_VARIANCE
    if error <= _ROUNDING_ULPS * math.ulp(max(abs(control.mean), abs(treatment.mean))):
        return NotEstimable(reason="the spread is no larger than the rounding of the means")
    return error


def _errors(control: Moments, treatment: Moments, alpha: float) -> _Errors | NotEstimable:
    from scipy.special import stdtr, stdtrit

    check_alpha(alpha)
    error = standard_error(control, treatment)
    if isinstance(error, NotEstimable):
        return error
    # Shares of the squared error, not the errors themselves: no overflow, and exact where one is zero.
    share = (math.sqrt(control.variance / control.n) / error) ** 2
    df = 1.0 / (share**2 / (control.n - 1) + (1.0 - share) ** 2 / (treatment.n - 1))
    t = (treatment.mean - control.mean) / error
    p_value = min(1.0, 2.0 * float(stdtr(df, -abs(t))))
    test = Test(statistic=t, p_value=p_value, df=df)
    return _Errors(error=error, critical=-float(stdtrit(df, alpha / 2.0)), test=test)
