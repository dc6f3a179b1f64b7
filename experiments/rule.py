"""The decision rule: what result means what, written down before the experiment starts. PURE."""

from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    """Which intervals and p-values the verdict reads."""

    ALWAYS_VALID = "always valid"
    """People may look at any time (law 7)."""
    FIXED = "fixed horizon"
    """One look, at a sample size fixed in advance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """A metric that must not worsen by more than ``margin``, the worst loss we accept."""

    metric: str
    margin: float
    """At least 0. A share of control's mean (0.02 = 2 %) when ``relative``, else in the metric's unit."""
    relative: bool = True

    def __post_init__(self) -> None:
        if not 0.0 <= self.margin < float("inf"):
            raise ValueError(
                f"the margin of guardrail {self.metric!r} must be a number from 0, not {self.margin}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRule:
    """Recorded at start and never changed after. ValueError: values that no rule can have."""

    primary: str
    """Key of the metric that decides; which way is better is the metric's own property."""
    guardrails: tuple[Guardrail, ...] = ()
    alpha: float = 0.05
    """Two-sided; shared between the challengers where there are several."""
    minimum_units: int = 100
    """Units that every variant needs before one ships. Harm needs no minimum."""
    method: Method = Method.ALWAYS_VALID
    tuned_for: int = 5_000
    """Total units at which the always-valid interval is tightest; it is valid at every size."""

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha < 1.0:
            raise ValueError(f"alpha must lie strictly between 0 and 1, not {self.alpha}")
        if self.minimum_units < 0:
            raise ValueError(f"the minimum of units cannot be negative: {self.minimum_units}")
        if self.tuned_for < 1:
            raise ValueError(f"the interval is tuned for at least 1 unit, not {self.tuned_for}")
        keys = [self.primary, *(guardrail.metric for guardrail in self.guardrails)]
        if len(set(keys)) != len(keys):
            raise ValueError("a metric can be the primary or one guardrail, not both")
