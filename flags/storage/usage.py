"""What was used when: adding to the day's counts, and summing them."""

from collections.abc import Collection, Iterable
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from flags.storage.tables import EnvironmentRow, FlagRow
from flags.storage.usage_tables import FlagUsageRow
from flags.usage import UsageSummary, UsageTotal

# Rows of one statement; seven parameters each stay far below what either database takes.
_ROWS_AT_ONCE = 500


def variants_of(session: Session, environment_id: int, keys: Collection[str]) -> dict[str, frozenset[str]]:
    """The variants of those flags of the environment's project that exist, by flag."""
    query = (
        select(FlagRow.key, FlagRow.variants)
        .join(EnvironmentRow, EnvironmentRow.project_id == FlagRow.project_id)
        .where(EnvironmentRow.id == environment_id, FlagRow.key.in_(keys))
    )
    return {row.key: frozenset(row.variants) for row in session.execute(query)}


def add(session: Session, environment_id: int, summaries: Iterable[UsageSummary]) -> None:
    """Add to each day's counts. The summaries are one per flag, day and variant, and of flags that exist."""
    # In one order, so that two writers never wait for each other in a circle.
    ordered = sorted(summaries, key=lambda each: (each.flag, each.day, each.variant))
    for start in range(0, len(ordered), _ROWS_AT_ONCE):
        _upsert(session, environment_id, ordered[start : start + _ROWS_AT_ONCE])


def totals(
    session: Session,
    environment_ids: Collection[int],
    *,
    flag: str | None = None,
    since: date | None = None,
    by_variant: bool = False,
) -> tuple[UsageTotal, ...]:
    """Sums per environment and flag (and variant) from the day ``since`` on; the never used are absent."""
    keys = [FlagUsageRow.environment_id, FlagUsageRow.flag, *([FlagUsageRow.variant] if by_variant else [])]
    query = (
        select(
            *keys,
            func.sum(FlagUsageRow.evaluations).label("evaluations"),
            func.sum(FlagUsageRow.exposures).label("exposures"),
            func.min(FlagUsageRow.day).label("first_day"),
            func.max(FlagUsageRow.last_seen).label("last_seen"),
        )
        .where(FlagUsageRow.environment_id.in_(environment_ids))
        .group_by(*keys)
        .order_by(*keys)
    )
    if flag is not None:
        query = query.where(FlagUsageRow.flag == flag)
    if since is not None:
        query = query.where(FlagUsageRow.day >= since)
    return tuple(
        UsageTotal(
            environment_id=row.environment_id,
            flag=row.flag,
            variant=row.variant if by_variant else "",
            evaluations=int(row.evaluations),
            exposures=int(row.exposures),
            first_day=row.first_day,
            last_seen=row.last_seen,
        )
        for row in session.execute(query)
    )


def _upsert(session: Session, environment_id: int, summaries: list[UsageSummary]) -> None:
    values = [
        {
            "environment_id": environment_id,
            "flag": each.flag,
            "day": each.day,
            "variant": each.variant,
            "evaluations": each.evaluations,
            "exposures": each.exposures,
            "last_seen": each.last_seen,
        }
        for each in summaries
    ]
    on_postgresql = session.get_bind().dialect.name == "postgresql"
    new = (postgresql.insert if on_postgresql else sqlite.insert)(FlagUsageRow).values(values)
    later = func.greatest if on_postgresql else func.max
    session.execute(
        new.on_conflict_do_update(
            index_elements=["environment_id", "flag", "day", "variant"],
            set_={
                "evaluations": FlagUsageRow.evaluations + new.excluded.evaluations,
                "exposures": FlagUsageRow.exposures + new.excluded.exposures,
                "last_seen": later(FlagUsageRow.last_seen, new.excluded.last_seen),
            },
        )
    )
