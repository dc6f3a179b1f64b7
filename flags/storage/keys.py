"""SDK keys: found by the hash of their secret, never by the secret."""

from datetime import datetime

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from flags.model import EnvironmentView, KeyKind, RulesetId, SdkAccess, SdkKeyView
from flags.storage.tables import EnvironmentRow, ProjectRow, SdkKeyRow


def keys(session: Session, at: EnvironmentView) -> tuple[SdkKeyView, ...]:
    """The environment's keys, the newest first, revoked ones included."""
    query = select(SdkKeyRow).where(SdkKeyRow.environment_id == at.id).order_by(SdkKeyRow.id.desc())
    return tuple(_view(row, at) for row in session.scalars(query))


def add(
    session: Session,
    at: EnvironmentView,
    *,
    name: str,
    kind: KeyKind,
    prefix: str,
    secret_hash: str,
    now: datetime,
) -> SdkKeyView:
    """The new key."""
    row = SdkKeyRow(
        environment_id=at.id,
        name=name,
        kind=kind.value,
        prefix=prefix,
        secret_hash=secret_hash,
        created_at=now,
        revoked_at=None,
    )
    session.add(row)
    session.flush()
    return _view(row, at)


def revoke(session: Session, at: EnvironmentView, key_id: int, *, now: datetime) -> SdkKeyView | None:
    """The key, revoked now; None: the environment has no live key of that id."""
    row = session.execute(
        update(SdkKeyRow)
        .where(SdkKeyRow.id == key_id, SdkKeyRow.environment_id == at.id, SdkKeyRow.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(SdkKeyRow)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    return None if row is None else _view(row, at)


def access(session: Session, secret_hash: str) -> SdkAccess | None:
    """What a live key opens and the revision that is current there, in one indexed query."""
    return _access(session, _live().where(SdkKeyRow.secret_hash == secret_hash))


def access_by_id(session: Session, key_id: int) -> SdkAccess | None:
    """The same, by the key's id."""
    return _access(session, _live().where(SdkKeyRow.id == key_id))


def _access(session: Session, query: Select[int, str, str, str, int, int, str]) -> SdkAccess | None:
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    key_id, kind, project, environment, environment_id, revision, stamp = row
    return SdkAccess(
        key_id=key_id,
        kind=KeyKind(kind),
        project=project,
        environment=environment,
        ruleset=RulesetId(environment_id=environment_id, revision=revision, stamp=stamp),
    )


def live_revisions(session: Session) -> dict[int, int]:
    """The revision each live key's environment is at, by the key's id."""
    query = (
        select(SdkKeyRow.id, EnvironmentRow.revision)
        .join(EnvironmentRow, EnvironmentRow.id == SdkKeyRow.environment_id)
        .where(SdkKeyRow.revoked_at.is_(None))
    )
    return {row.id: row.revision for row in session.execute(query)}


def _live() -> Select[int, str, str, str, int, int, str]:
    return (
        select(
            SdkKeyRow.id,
            SdkKeyRow.kind,
            ProjectRow.key,
            EnvironmentRow.key,
            EnvironmentRow.id,
            EnvironmentRow.revision,
            EnvironmentRow.stamp,
        )
        .join(EnvironmentRow, EnvironmentRow.id == SdkKeyRow.environment_id)
        .join(ProjectRow, ProjectRow.id == EnvironmentRow.project_id)
        .where(SdkKeyRow.revoked_at.is_(None))
    )


def _view(row: SdkKeyRow, at: EnvironmentView) -> SdkKeyView:
    return SdkKeyView(
        id=row.id,
        project=at.project,
        environment=at.key,
        name=row.name,
        kind=KeyKind(row.kind),
        prefix=row.prefix,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
