"""The words of `pointsman analyze` as values. PURE; every error names the option and the fix."""

import math
from collections.abc import Iterable, Sequence

from experiments.hints import nearest
from experiments.metrics import Direction, Metric, MetricKind, mean, proportion
from runtime.errors import Invalid

_KINDS = ", ".join(MetricKind)


def parse_metrics(texts: Sequence[str], lower_is_better: Iterable[str]) -> tuple[Metric, ...]:
    """Metrics from ``COLUMN:KIND``; the column may hold colons itself. Invalid: names the option."""
    falling = set(lower_is_better)
    metrics = tuple(_metric(text, falling) for text in texts)
    keys = [metric.key for metric in metrics]
    for key in keys:
        if keys.count(key) > 1:
            raise Invalid("--metric", f"{key!r} is given twice")
    for key in sorted(falling - set(keys)):
        raise Invalid("--lower-is-better", f"{key!r} is not a metric; the metrics are {', '.join(keys)}")
    return metrics


def _metric(text: str, falling: set[str]) -> Metric:
    column, colon, kind = text.rpartition(":")
    if not colon or not column:
        raise Invalid("--metric", f"{text!r} is not COLUMN:KIND, such as revenue:mean; kinds are {_KINDS}")
    direction = Direction.DECREASE if column in falling else Direction.INCREASE
    if kind == MetricKind.PROPORTION:
        return proportion(column, direction=direction)
    if kind == MetricKind.MEAN:
        return mean(column, direction=direction)
    raise Invalid("--metric", f"there is no kind {kind!r} of metric; kinds are {_KINDS}")


def parse_split(text: str | None) -> dict[str, float] | None:
    """Weights by variant from ``a=50,b=50``, on any positive scale; None stays None. Invalid: names it."""
    if text is None:
        return None
    weights: dict[str, float] = {}
    for part in text.split(","):
        variant, equals, weight = part.strip().rpartition("=")
        if not equals or not variant:
            raise Invalid("--split", f"{part.strip()!r} is not VARIANT=WEIGHT; write it as a=50,b=50")
        if variant in weights:
            raise Invalid("--split", f"{variant!r} is given twice")
        weights[variant] = _weight(variant, weight)
    if len(weights) < 2:
        raise Invalid("--split", "a split names at least two variants")
    return weights


def _weight(variant: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0.0 < weight <= 1e9:
        raise Invalid("--split", f"the weight of {variant!r} must be a positive number, not {text!r}")
    return weight


def planned_split(found: Iterable[str], *, control: str, split: dict[str, float] | None) -> dict[str, float]:
    """The planned weights: those given, or equal ones over the variants found. Invalid: they don't fit."""
    variants = list(found)
    available = ", ".join(variants) or "none"
    if split is None:
        if control not in variants:
            hint = nearest(control, variants)
            raise Invalid("--control", f"there is no variant {control!r}; the file has {available}{hint}")
        if len(variants) < 2:
            raise Invalid(
                "--variant", f"the file has only {available}; comparing needs at least two variants"
            )
        return dict.fromkeys(variants, 1.0)
    if control not in split:
        raise Invalid("--split", f"control {control!r} is not in it; it names {', '.join(split)}")
    for variant in variants:
        if variant not in split:
            raise Invalid("--split", f"it gives no weight to {variant!r}; the file has {available}")
    return split
