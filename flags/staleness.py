"""Whether a flag has outlived its purpose. Pure: counts and ages in, reasons out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from flags.model import FlagState, FlagView
from flags.usage import UsageTotal
from pointsman.core.bucketing import BUCKETS
from pointsman.core.splits import weights_of


class StaleKind(StrEnum):
    """Why a flag looks stale."""

    NEVER_USED = "never_used"
    ONE_VARIANT = "one_variant"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One sign, in words."""

    kind: StaleKind
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many days each sign must hold before it is one."""

    unused_days: int = 14
    single_days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What was counted of a flag in one environment: each variant's sum, lately and ever."""

    ever: tuple[UsageTotal, ...]
    lately: tuple[UsageTotal, ...]
    """Of the last ``single_days`` days."""

    @property
    def last_seen(self) -> datetime | None:
        """When it was used last; None: never."""
        return max((each.last_seen for each in self.ever), default=None)


_WHOLE: Final = BUCKETS


def reasons(
    flag: FlagView, state: FlagState, use: Use, opinion: str | None, patience: Patience, now: datetime
) -> tuple[Reason, ...]:
    """Every sign that the flag is stale in this environment."""
    return tuple(_reasons(flag, state, use, opinion, patience, now))


def shares_now(state: FlagState, variants: tuple[str, ...]) -> dict[str, float]:
    """What share of the units without any attribute each variant serves now, 0..1; the rest have 0."""
    held = dict.fromkeys(variants, 0.0)
    if not state.enabled:
        return {**held, state.off: 1.0}
    everyone = next((rule for rule in state.rules if not rule.conditions), None)
    if everyone is None:
        return {**held, state.default: 1.0}
    weights = weights_of(everyone.split)
    whole = sum(weights.values()) or _WHOLE
    return held | {name: buckets / whole for name, buckets in weights.items()}


def served_now(state: FlagState) -> frozenset[str]:
    """The variants that some unit could get now."""
    if not state.enabled:
        return frozenset({state.off})
    served: set[str] = set()
    for rule in state.rules:
        served.update(weights_of(rule.split))
        if not rule.conditions:
            return frozenset(served)
    return frozenset(served | {state.default})


def _reasons(
    flag: FlagView, state: FlagState, use: Use, opinion: str | None, patience: Patience, now: datetime
) -> Iterator[Reason]:
    age = now - flag.created_at
    if not use.ever and age >= timedelta(days=patience.unused_days):
        yield Reason(kind=StaleKind.NEVER_USED, words=f"never used, and {age.days} days old")
    met = {each.variant for each in use.lately if each.exposures or each.evaluations}
    old = (
        bool(use.ever)
        and (now.date() - min(each.first_day for each in use.ever)).days >= patience.single_days
    )
    if old and len(met) == 1 and len(flag.variants) > 1:
        words = f"served nothing but {next(iter(met))} for {patience.single_days} days"
        yield Reason(kind=StaleKind.ONE_VARIANT, words=words)
    if opinion:
        yield Reason(kind=StaleKind.DECIDED, words=opinion)
