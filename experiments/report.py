"""The report of one experiment at one moment, as values. PURE and light: the web process renders it.

Interval, colour and verdict are read off the same objects, so they cannot disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from experiments.metrics import Direction, Metric
from experiments.rule import DecisionRule, Method
from experiments.stats.results import Interval, NotEstimable
from experiments.stats.srm import SampleRatio


class Tone(StrEnum):
    """What a comparison says at a glance; pages colour by it."""

    BETTER = "better"
    WORSE = "worse"
    UNCLEAR = "unclear"
    MISSING = "missing"


class Decision(StrEnum):
    """The four answers."""

    SHIP = "ship"
    ROLL_BACK = "roll back"
    KEEP_RUNNING = "keep running"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do, about which variant, why, and what is still missing."""

    decision: Decision
    reason: str
    variant: str | None = None
    missing: tuple[str, ...] = ()
    trusted: bool = True
    """False where the data cannot be trusted (law 5): then there is no verdict, only the reason why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One variant on one metric, against control. None: not estimable, and ``not_estimable`` says why.

    Control's own entry has n and mean only. Differences are treatment minus control in the metric's unit
    (0.01 = one percentage point for a proportion); relative ones a share of the size of control's mean.
    """

    n: int
    """Units measured."""
    mean: float | None
    """The share of successes, for a proportion."""
    difference: float | None = None
    relative: float | None = None
    ci: Interval | None = None
    """Of the fixed-horizon method, two-sided at 1 - alpha: right for a single look."""
    relative_ci: Interval | None = None
    p_value: float | None = None
    statistic: float | None = None
    method: str | None = None
    always_valid_ci: Interval | None = None
    """Two-sided at 1 - alpha at all looks together."""
    always_valid_relative_ci: Interval | None = None
    always_valid_p_value: float | None = None
    not_estimable: Mapping[str, str] = field(default_factory=dict)
    """From a field's name to the reason."""

    def interval(self, method: Method) -> Interval | None:
        """The interval of the difference that the verdict reads."""
        return self.always_valid_ci if method is Method.ALWAYS_VALID else self.ci

    def relative_interval(self, method: Method) -> Interval | None:
        """The interval of the relative difference that the verdict reads."""
        return self.always_valid_relative_ci if method is Method.ALWAYS_VALID else self.relative_ci

    def decisive_p_value(self, method: Method) -> float | None:
        """The p-value that the verdict reads."""
        return self.always_valid_p_value if method is Method.ALWAYS_VALID else self.p_value

    def tone(self, direction: Direction, method: Method) -> Tone:
        """Better or worse where the verdict's interval excludes zero."""
        interval = self.interval(method)
        if interval is None:
            return Tone.MISSING
        if 0.0 in interval:
            return Tone.UNCLEAR
        return Tone.BETTER if direction.gain(interval.low) > 0 else Tone.WORSE


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricReport:
    """One metric in every variant, control included."""

    metric: Metric
    variants: Mapping[str, Comparison]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusions:
    """What was left out of every number, and why."""

    crossovers: int = 0
    """Units seen in two variants."""
    duplicate_units: int = 0
    """Units with several rows where one was promised; which row is right nobody can know."""
    missing_unit: int = 0
    """Rows that name no unit."""
    missing_variant: int = 0
    """Rows that name no variant."""
    unplanned: int = 0
    """Units seen in a variant that the planned split does not name."""
    enrolled_before: int = 0
    """Units that an earlier split of the sticky flag drew, or that were taken for such: they keep what it
    gave them, and the present split did not randomise them."""
    late: int = 0
    """Of those and of the crossovers, units that still met the earlier split after it had changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What share of the units that are compared each variant should have. ADR 8."""

    shares: Mapping[str, float]
    """In 0..1; the planned split, but for what an earlier split takes from newcomers."""
    taken: float = 0.0
    """The share of all newcomers that an earlier split of the sticky flag keeps by mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Exposures and outcomes from ``start`` up to, not including, ``end``."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the data say, before anyone decides."""

    title: str
    unit: str
    """The unit type, or the column that names the unit."""
    control: str
    units: Mapping[str, int]
    """Units analysed in each variant, control first."""
    planned: Mapping[str, float]
    """The planned split as shares in 0..1."""
    expected: Expected
    """The planned split as the sample-ratio check expects it."""
    metrics: Mapping[str, MetricReport]
    """By key; the primary first."""
    srm: SampleRatio | NotEstimable
    exclusions: Exclusions
    lag_s: float = 0.0
    """How long the oldest acknowledged event that is not in these numbers has been waiting."""

    @property
    def challengers(self) -> tuple[str, ...]:
        """The variants that contend with control, in order."""
        return tuple(variant for variant in self.units if variant != self.control)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Findings):
    """Everything that a page, a table, a chart or a program shows of one analysis."""

    rule: DecisionRule
    verdict: Verdict
    generated_at: datetime
    window: Window | None = None
    """None for a file with one row per unit."""

    def tone(self, metric: str, variant: str) -> Tone:
        """The colour of one cell. KeyError: no such metric or variant."""
        found = self.metrics[metric]
        return found.variants[variant].tone(found.metric.direction, self.rule.method)
