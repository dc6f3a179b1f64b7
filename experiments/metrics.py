"""What is measured: how outcomes become one number per unit. PURE."""

from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """Which statistics a metric gets."""

    PROPORTION = "proportion"
    """Every unit is a success or not: two-proportion methods."""
    MEAN = "mean"
    """Every unit has a number: methods for means."""


class Direction(StrEnum):
    """Which way is better."""

    INCREASE = "increase"
    DECREASE = "decrease"

    def gain(self, difference: float) -> float:
        """The difference with its sign turned so that positive is better."""
        return difference if self is Direction.INCREASE else -difference


class PerUnit(StrEnum):
    """How a unit's outcomes of one name become its one number."""

    ANY = "any"
    """1 if any value is above zero, else 0; a unit without outcomes is 0."""
    SUM = "sum"
    """The sum; a unit without outcomes is 0 (it spent nothing, clicked never)."""
    MEAN = "mean"
    """The average; a unit without outcomes is not measured (no request, no latency)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """``key`` names it in reports, ``outcome`` names the events (or the column) it is made of."""

    key: str
    kind: MetricKind
    outcome: str
    per_unit: PerUnit
    direction: Direction = Direction.INCREASE
    unit: str = ""
    """What the numbers count ("s", "rounds", "EUR"); empty for proportions and bare counts."""

    def __post_init__(self) -> None:
        if (self.kind is MetricKind.PROPORTION) != (self.per_unit is PerUnit.ANY):
            raise ValueError("a proportion takes any value per unit, a mean takes the sum or the mean")


def proportion(key: str, *, outcome: str = "", direction: Direction = Direction.INCREASE) -> Metric:
    """The share of units with any value above zero of that outcome (named as the key by default)."""
    return Metric(
        key=key,
        kind=MetricKind.PROPORTION,
        outcome=outcome or key,
        per_unit=PerUnit.ANY,
        direction=direction,
    )


def mean(
    key: str,
    *,
    outcome: str = "",
    per_unit: PerUnit = PerUnit.SUM,
    direction: Direction = Direction.INCREASE,
    unit: str = "",
) -> Metric:
    """The average over units of each unit's sum (or mean) of that outcome (named as the key by default)."""
    return Metric(
        key=key,
        kind=MetricKind.MEAN,
        outcome=outcome or key,
        per_unit=per_unit,
        direction=direction,
        unit=unit,
    )
