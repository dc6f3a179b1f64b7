"""Counting what is used: written beside events, never in the way of anybody who changes flags."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from sqlalchemy.orm import Session

from flags.limits import is_key
from flags.storage import usage
from flags.usage import UsageSummary

_KEYS_AT_ONCE: Final = 500


def record_usage(session: Session, environment_id: int, summaries: Iterable[UsageSummary]) -> None:
    """Add the summaries to the environment's counts, in the caller's transaction.

    They come from SDKs: what names no flag of the environment's project, or a variant that flag does not
    have, counts nowhere. Several summaries of one variant and day are added up.
    """
    merged: dict[tuple[str, str, object], UsageSummary] = {}
    for each in summaries:
        if is_key(each.flag) and each.evaluations >= 0 and each.exposures >= 0:
            key = (each.flag, each.variant, each.day)
            merged[key] = _sum(merged[key], each) if key in merged else each
    keys = sorted({each.flag for each in merged.values()})
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        known = usage.variants_of(session, environment_id, keys[start : start + _KEYS_AT_ONCE])
        usage.add(
            session,
            environment_id,
            [each for each in merged.values() if each.variant in known.get(each.flag, frozenset())],
        )


def _sum(one: UsageSummary, other: UsageSummary) -> UsageSummary:
    return replace(
        one,
        evaluations=one.evaluations + other.evaluations,
        exposures=one.exposures + other.exposures,
        last_seen=max(one.last_seen, other.last_seen),
    )
