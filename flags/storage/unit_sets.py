"""Unit sets: immutable, found by their digest within an environment."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flags.storage.tables import UnitSetRow


def add(
    session: Session, environment_id: int, digest: str, body: bytes, *, units: int, now: datetime
) -> None:
    """Keep a set; one that is there already stays, and counts as made now."""
    found = session.get(UnitSetRow, (environment_id, digest))
    if found is None:
        session.add(
            UnitSetRow(environment_id=environment_id, digest=digest, units=units, body=body, made_at=now)
        )
    else:
        found.made_at = now
    session.flush()


def body(session: Session, environment_id: int, digest: str) -> bytes | None:
    """The set's bytes; None: not of this environment, or gone."""
    query = select(UnitSetRow.body).where(
        UnitSetRow.environment_id == environment_id, UnitSetRow.digest == digest
    )
    return session.scalar(query)


def bodies(session: Session, environment_id: int, digests: Collection[str]) -> dict[str, bytes]:
    """The bytes of those that are there."""
    query = select(UnitSetRow.digest, UnitSetRow.body).where(
        UnitSetRow.environment_id == environment_id, UnitSetRow.digest.in_(digests)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def remove_unused(session: Session, environment_id: int, used: Collection[str], *, before: datetime) -> int:
    """Delete sets made before an instant that no ruleset refers to; how many."""
    gone = session.execute(
        delete(UnitSetRow)
        .where(
            UnitSetRow.environment_id == environment_id,
            UnitSetRow.made_at < before,
            UnitSetRow.digest.not_in(list(used)),
        )
        .returning(UnitSetRow.digest)
    )
    return len(gone.all())
