"""Who gets in: coverage, layers, windows, overrides and switches as people write them, checked. Pure."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from flags import limits
from flags.model import RuleDraft, Targeting
from flags.payloads import Problem, text_problem
from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import Window


def check_entry(rule: RuleDraft, field: str) -> Iterator[Problem]:
    """A rule's coverage, room in a layer, and window."""
    if not 0 <= rule.coverage <= BUCKETS:
        yield Problem(f"{field}.coverage", f"must be from 0 to {BUCKETS} buckets (100 %)")
    if rule.layer is not None:
        if not limits.is_key(rule.layer.layer):
            yield Problem(f"{field}.layer", "is not a layer's key; make the layer first")
        if not 1 <= rule.layer.share <= BUCKETS:
            yield Problem(f"{field}.layer_share", f"must be from 1 to {BUCKETS} buckets (100 %)")
    if rule.window is not None:
        yield from _window_problems(rule.window, f"{field}.window")


def check_around(targeting: Targeting, variants: Mapping[str, object]) -> Iterator[Problem]:
    """Overrides and switches."""
    if len(targeting.overrides) > limits.OVERRIDES_PER_FLAG:
        yield Problem(
            "overrides",
            f"{len(targeting.overrides)} units; at most {limits.OVERRIDES_PER_FLAG} (use a segment)",
        )
        return
    for unit, variant in targeting.overrides.items():
        if problem := unit_problem(unit):
            yield Problem("overrides", f"the unit {unit[:40]!r} {problem}")
        if variant not in variants:
            known = ", ".join(variants)
            yield Problem("overrides", f"{unit[:40]!r} names no variant: use one of {known}")
    yield from _switch_problems(targeting)


def unit_problem(unit: str) -> str | None:
    """What keeps a text from being a unit; None: nothing."""
    if not 1 <= len(unit) <= limits.UNIT_CHARACTERS:
        return f"needs 1 to {limits.UNIT_CHARACTERS} characters"
    return text_problem(unit)


def _window_problems(window: Window, field: str) -> Iterator[Problem]:
    if window.start is None and window.end is None:
        yield Problem(field, "has neither start nor end; leave it out")
    for name, at in (("start", window.start), ("end", window.end)):
        if at is not None and not 0 <= at <= limits.LAST_SECOND:
            yield Problem(f"{field}.{name}", "must be a moment between 1970 and 9999")
    if window.start is not None and window.end is not None and window.start >= window.end:
        yield Problem(f"{field}.end", "must be after the start")


def _switch_problems(targeting: Targeting) -> Iterator[Problem]:
    if len(targeting.switches) > limits.SWITCHES_PER_FLAG:
        yield Problem("switches", f"at most {limits.SWITCHES_PER_FLAG} switches are allowed")
    if any(not 0 <= each.at <= limits.LAST_SECOND for each in targeting.switches):
        yield Problem("switches", "must be moments between 1970 and 9999")
    if any(first.at >= second.at for first, second in pairwise(targeting.switches)):
        yield Problem("switches", "must be in order of time, no two at one instant")
