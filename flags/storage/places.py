"""Projects and environments: reading, adding, locking, and moving a revision on."""

import secrets
from collections.abc import Collection
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Select, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flags.limits import is_key
from flags.model import EnvironmentView, ProjectView, RulesetId
from flags.storage.tables import EnvironmentRow, ProjectRow

Row = TypeVar("Row", ProjectRow, EnvironmentRow)


def projects(session: Session) -> tuple[ProjectView, ...]:
    """Every project, by key."""
    return tuple(_project(row) for row in session.scalars(select(ProjectRow).order_by(ProjectRow.key)))


def project(session: Session, key: str, *, lock: bool = False) -> ProjectView | None:
    """The project of that key; ``lock`` keeps others from adding to it until the transaction ends."""
    query = select(ProjectRow).where(ProjectRow.key == key)
    row = session.scalar(_locking(query, ProjectRow) if lock else query) if is_key(key) else None
    return None if row is None else _project(row)


def add_project(
    session: Session, *, key: str, name: str, description: str, now: datetime
) -> ProjectView | None:
    """The new project; None: the key is taken."""
    row = ProjectRow(key=key, name=name, description=description, created_at=now)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return None
    return _project(row)


def environments(session: Session, project_key: str, *, lock: bool = False) -> tuple[EnvironmentView, ...]:
    """A project's environments in the order they were made, which is also the order of their locks."""
    query = _environments(project_key).order_by(EnvironmentRow.id)
    rows = session.scalars(_locking(query, EnvironmentRow) if lock else query)
    return tuple(_environment(row, project_key) for row in rows)


def environment(
    session: Session, project_key: str, key: str, *, lock: bool = False
) -> EnvironmentView | None:
    """One environment; ``lock`` makes every other change of its ruleset wait for this transaction."""
    if not (is_key(project_key) and is_key(key)):
        return None
    query = _environments(project_key).where(EnvironmentRow.key == key)
    row = session.scalar(_locking(query, EnvironmentRow) if lock else query)
    return None if row is None else _environment(row, project_key)


def add_environment(
    session: Session, at: ProjectView, *, key: str, name: str, now: datetime
) -> EnvironmentView:
    """The new environment, at revision 0. The caller has locked the project and seen that the key is free."""
    row = EnvironmentRow(
        project_id=at.id, key=key, name=name, revision=0, stamp=_fresh_stamp(), created_at=now, holdout=0
    )
    session.add(row)
    session.flush()
    return _environment(row, at.key)


def count_environments(session: Session, at: ProjectView) -> int:
    """How many environments the project has."""
    query = select(func.count(EnvironmentRow.id)).where(EnvironmentRow.project_id == at.id)
    return session.scalars(query).one()


def advance(session: Session, environment_id: int) -> int:
    """Move the environment's ruleset to its next revision, which is returned, under a new stamp."""
    return session.execute(
        update(EnvironmentRow)
        .where(EnvironmentRow.id == environment_id)
        .values(revision=EnvironmentRow.revision + 1, stamp=_fresh_stamp())
        .returning(EnvironmentRow.revision)
    ).scalar_one()


def ruleset_id(session: Session, environment_id: int) -> RulesetId:
    """Which ruleset the environment is at. NoResultFound."""
    query = select(EnvironmentRow.revision, EnvironmentRow.stamp).where(EnvironmentRow.id == environment_id)
    revision, stamp = session.execute(query).one()
    return RulesetId(environment_id=environment_id, revision=revision, stamp=stamp)


def hold(session: Session, environment_id: int) -> None:
    """Keep the environment's rules as they are until the transaction ends; many may hold it at a time."""
    query = select(EnvironmentRow.id).where(EnvironmentRow.id == environment_id)
    session.execute(query.with_for_update(read=True)).one()


def set_holdout(session: Session, environment_id: int, share: int) -> None:
    """Keep ``share`` buckets of the environment's units out of every split."""
    session.execute(update(EnvironmentRow).where(EnvironmentRow.id == environment_id).values(holdout=share))


def environments_by_id(session: Session, ids: Collection[int]) -> dict[int, EnvironmentView]:
    """Those environments, by their row's id."""
    query = select(EnvironmentRow, ProjectRow.key).join(ProjectRow).where(EnvironmentRow.id.in_(ids))
    return {row.id: _environment(row, project) for row, project in session.execute(query)}


def set_required_approvers(session: Session, environment_id: int, count: int) -> None:
    """Write how many approvals a change of this environment needs."""
    session.execute(
        update(EnvironmentRow).where(EnvironmentRow.id == environment_id).values(required_approvers=count)
    )


def _locking(query: Select[Row], of: type[Row]) -> Select[Row]:
    # key_share: changes wait for one another, but rows that only refer to this one (incoming events) do not.
    # populate_existing: what this session read before it had the lock may be out of date.
    return query.with_for_update(of=of, key_share=True).execution_options(populate_existing=True)


def _environments(project_key: str) -> Select[EnvironmentRow]:
    return (
        select(EnvironmentRow)
        .join(ProjectRow, ProjectRow.id == EnvironmentRow.project_id)
        .where(ProjectRow.key == project_key)
    )


def _fresh_stamp() -> str:
    return secrets.token_hex(16)


def _project(row: ProjectRow) -> ProjectView:
    return ProjectView(
        id=row.id, key=row.key, name=row.name, description=row.description, created_at=row.created_at
    )


def _environment(row: EnvironmentRow, project_key: str) -> EnvironmentView:
    return EnvironmentView(
        id=row.id,
        project=project_key,
        key=row.key,
        name=row.name,
        revision=row.revision,
        holdout=row.holdout,
        required_approvers=row.required_approvers,
    )
