"""The history of each environment's ruleset."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import Select, Table, insert, select
from sqlalchemy.orm import Session

from flags.model import EnvironmentView, Revision
from flags.storage.tables import FlagRow, RevisionRow
from pointsman.core.model import Json
from runtime.actors import Actor, ActorKind

_ADDED: Final = insert(cast("Table", RevisionRow.__table__))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRevision:
    """One environment's share of a change; ``before`` and ``after`` are the flag in wire form, None where it
    was not served. Without a flag ``subject`` says what was changed.
    """

    environment_id: int
    flag_id: int | None
    revision: int
    before: dict[str, Json] | None
    after: dict[str, Json] | None
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a change comes from."""

    at: datetime
    actor: Actor
    action: str
    reason: str


def add(session: Session, entries: Sequence[NewRevision], origin: Origin) -> None:
    """Write one change, as it is in each environment."""
    shared = {
        "at": origin.at,
        "actor_kind": origin.actor.kind.value,
        "actor": origin.actor.name,
        "action": origin.action,
        "reason": origin.reason,
    }
    session.execute(
        _ADDED,
        [
            {
                **shared,
                "environment_id": each.environment_id,
                "flag_id": each.flag_id,
                "subject": each.subject,
                "revision": each.revision,
                "before": each.before,
                "after": each.after,
            }
            for each in entries
        ],
    )


def revisions(
    session: Session, at: EnvironmentView, *, flag: str | None, before: int | None, limit: int
) -> tuple[Revision, ...]:
    """The newest changes first; of one flag, and below a revision, where these are given."""
    query = _revisions(at).order_by(RevisionRow.revision.desc()).limit(limit)
    if flag is not None:
        query = query.where(FlagRow.key == flag)
    if before is not None:
        query = query.where(RevisionRow.revision < before)
    return tuple(_view(row, key, at) for row, key in session.execute(query))


def revision(session: Session, at: EnvironmentView, number: int) -> Revision | None:
    """One change."""
    found = session.execute(_revisions(at).where(RevisionRow.revision == number)).one_or_none()
    if found is None:
        return None
    row, key = found
    return _view(row, key, at)


def segment_sets(session: Session, at: EnvironmentView) -> frozenset[str]:
    """Digests of all unit lists that the environment's segments ever had."""
    query = select(RevisionRow.before, RevisionRow.after).where(
        RevisionRow.environment_id == at.id, RevisionRow.subject.startswith("segment:", autoescape=True)
    )
    snapshots = (each for row in session.execute(query) for each in (row.before, row.after) if each)
    return frozenset(
        digest for each in snapshots for name in ("included", "excluded") for digest in each.get(name, ())
    )


def served_at(session: Session, environment_id: int, flag_id: int, revision: int) -> dict[str, Any] | None:
    """A flag as it was served at a revision of its environment, in wire form; None: it was not."""
    query = (
        select(RevisionRow.after)
        .where(
            RevisionRow.environment_id == environment_id,
            RevisionRow.flag_id == flag_id,
            RevisionRow.revision <= revision,
        )
        .order_by(RevisionRow.revision.desc())
        .limit(1)
    )
    return session.scalar(query)


def began(session: Session, environment_id: int, flag_id: int, epoch: int) -> tuple[int, datetime] | None:
    """The revision that first served an epoch of the flag, and when it was made; None: not known."""
    query = (
        select(RevisionRow.revision, RevisionRow.at, RevisionRow.after)
        .where(RevisionRow.environment_id == environment_id, RevisionRow.flag_id == flag_id)
        .order_by(RevisionRow.revision.desc())
    )
    first = None
    with session.execute(query.execution_options(yield_per=100)) as found:
        for number, at, after in found:
            if (after or {}).get("epoch", 0) < epoch:
                break
            first = (number, at)
    return first


def _revisions(at: EnvironmentView) -> Select[RevisionRow, str | None]:
    return (
        select(RevisionRow, FlagRow.key)
        .outerjoin(FlagRow, FlagRow.id == RevisionRow.flag_id)
        .where(RevisionRow.environment_id == at.id)
    )


def _view(row: RevisionRow, flag: str | None, at: EnvironmentView) -> Revision:
    before: dict[str, Any] | None = row.before
    after: dict[str, Any] | None = row.after
    return Revision(
        project=at.project,
        environment=at.key,
        revision=row.revision,
        at=row.at,
        actor=Actor(ActorKind(row.actor_kind), row.actor),
        action=row.action,
        flag=flag or "",
        reason=row.reason,
        before=before,
        after=after,
        subject=row.subject,
    )
