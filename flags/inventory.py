"""The inventory: which variants are live where, how old flags are, who meets them, and what looks stale."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from flags.model import FlagDetail, FlagState, FlagView, Page
from flags.opinions import Opinions
from flags.queries import get_environment, list_flags
from flags.staleness import Patience, Reason, Use, reasons, served_now, shares_now
from flags.storage import usage
from flags.usage import UsageTotal

USED_DAYS: Final = 7
"""How many days back a use still asks for a second thought before a flag is archived."""
_LATELY_DAYS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVariant:
    """One variant as it stands: ``share`` of ordinary units now (0..1), what was met in the last week."""

    name: str
    live: bool
    """Whether any unit could get it now."""
    share: float
    exposures: int
    evaluations: int
    met_share: float | None
    """Its part of the flag's exposures of the last week; None: there were none."""
    last_seen: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryLine:
    """One flag in one environment."""

    flag: FlagView
    state: FlagState
    age_days: int
    variants: tuple[LiveVariant, ...]
    last_seen: datetime | None
    stale: tuple[Reason, ...]


def inventory(
    session: Session,
    project: str,
    environment: str,
    *,
    opinions: Opinions,
    now: datetime,
    patience: Patience | None = None,
    search: str = "",
    stale: bool = False,
    limit: int = 100,
    offset: int = 0,
) -> Page[InventoryLine]:
    """The flags of an environment with their use; ``stale``: of this page only those that look stale.

    NotFound.
    """
    patience = patience or Patience()
    at = get_environment(session, project, environment)
    page = list_flags(session, project, search=search, limit=limit, offset=offset)
    uses = _uses(session, at.id, patience, now)
    said = {
        key: words for each in opinions for key, words in each.stale(session, project, environment).items()
    }
    lines = [
        _line(detail, environment, uses.get(detail.flag.key), said.get(detail.flag.key), patience, now)
        for detail in page.items
    ]
    shown = tuple(line for line in lines if line.stale or not stale)
    return Page(items=shown, total=page.total, offset=page.offset)


def recent_use(session: Session, detail: FlagDetail, *, days: int, now: datetime) -> dict[str, int]:
    """How often a flag was used in the last days, by environment where it was."""
    names = {state.environment_id: state.environment for state in detail.states}
    since = now.date() - timedelta(days=days)
    found = usage.totals(session, names, flag=detail.flag.key, since=since)
    return {names[each.environment_id]: max(each.evaluations, each.exposures) for each in found}


@dataclass(frozen=True, slots=True)
class _Sums:
    use: Use
    week: tuple[UsageTotal, ...]


def _uses(session: Session, environment_id: int, patience: Patience, now: datetime) -> dict[str, _Sums]:
    ever = _by_flag(usage.totals(session, [environment_id], by_variant=True))
    since = now.date() - timedelta(days=patience.single_days)
    lately = _by_flag(usage.totals(session, [environment_id], since=since, by_variant=True))
    week_since = now.date() - timedelta(days=_LATELY_DAYS)
    week = _by_flag(usage.totals(session, [environment_id], since=week_since, by_variant=True))
    return {
        key: _Sums(Use(ever=tuple(sums), lately=tuple(lately.get(key, ()))), tuple(week.get(key, ())))
        for key, sums in ever.items()
    }


def _by_flag(totals: tuple[UsageTotal, ...]) -> dict[str, list[UsageTotal]]:
    found: dict[str, list[UsageTotal]] = {}
    for each in totals:
        found.setdefault(each.flag, []).append(each)
    return found


def _line(
    detail: FlagDetail,
    environment: str,
    sums: _Sums | None,
    opinion: str | None,
    patience: Patience,
    now: datetime,
) -> InventoryLine:
    sums = sums or _Sums(Use(ever=(), lately=()), ())
    flag, state = detail.flag, detail.state(environment)
    return InventoryLine(
        flag=flag,
        state=state,
        age_days=(now - flag.created_at).days,
        variants=_live(flag, state, sums),
        last_seen=sums.use.last_seen,
        stale=reasons(flag, state, sums.use, opinion, patience, now),
    )


def _live(flag: FlagView, state: FlagState, sums: _Sums) -> tuple[LiveVariant, ...]:
    shares, live = shares_now(state, tuple(flag.variants)), served_now(state)
    week = {each.variant: each for each in sums.week}
    ever = {each.variant: each for each in sums.use.ever}
    met = sum(each.exposures for each in sums.week)
    return tuple(
        LiveVariant(
            name=name,
            live=name in live,
            share=shares.get(name, 0.0),
            exposures=week[name].exposures if name in week else 0,
            evaluations=week[name].evaluations if name in week else 0,
            met_share=(week[name].exposures if name in week else 0) / met if met else None,
            last_seen=ever[name].last_seen if name in ever else None,
        )
        for name in flag.variants
    )
