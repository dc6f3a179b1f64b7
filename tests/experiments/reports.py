"""Reports to decide on and to draw, made from chosen moments."""

from collections.abc import Mapping
from datetime import UTC, datetime

from experiments.analysis import Aggregates, Question, analyse
from experiments.metrics import Metric, proportion
from experiments.report import Exclusions, Report
from experiments.rule import DecisionRule
from experiments.stats.moments import Moments

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CLICK = proportion("click")


def report(
    moments: Mapping[Metric, Mapping[str, Moments]],
    *,
    rule: DecisionRule | None = None,
    units: Mapping[str, int] | None = None,
    planned: Mapping[str, float] | None = None,
    exclusions: Exclusions | None = None,
    final: bool = False,
) -> Report:
    """The report of these moments: control is ``a``; units are the first metric's where not given."""
    first = next(iter(moments))
    counts = units or {variant: found.n for variant, found in moments[first].items()}
    question = Question(
        title="A test",
        unit="user",
        control="a",
        planned=planned or dict.fromkeys(counts, 1.0),
        metrics=list(moments),
        rule=rule or DecisionRule(primary=first.key),
    )
    aggregates = Aggregates(
        units=counts,
        moments={metric.key: found for metric, found in moments.items()},
        exclusions=exclusions or Exclusions(),
    )
    return analyse(question, aggregates, now=NOW, final=final)


def clicks(**successes: int) -> dict[str, Moments]:
    """So many of 1,000 units a variant clicked."""
    return {variant: Moments.of_successes(count, 1_000) for variant, count in successes.items()}


def around(mean: float, *, n: int = 1_000, sd: float = 1.0) -> Moments:
    """Moments of n units with this mean and spread."""
    return Moments(n=n, mean=mean, m2=sd * sd * (n - 1))
