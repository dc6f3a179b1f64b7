"""Projects and environments: reading, adding, locking, and moving a revision on."""

import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Final, TypeVar, cast

from sqlalchemy import Select, Table, bindparam, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flags.limits import is_key
from flags.model import EnvironmentView, ProjectView, RulesetId
from flags.storage.tables import EnvironmentRow, ProjectRow

Row = TypeVar("Row", ProjectRow, EnvironmentRow)


def _locking(query: Select[Row], of: type[Row]) -> Select[Row]:
    # key_share: changes wait for one another, but rows that only refer to this one (incoming events) do not.
    return query.with_for_update(of=of, key_share=True)


# Built once: building a statement costs more than running it, and one import runs tens of thousands.
# populate_existing: what this session read before it had the lock, or changed since, may be out of date.
_PROJECT: Final = (
    select(ProjectRow).where(ProjectRow.key == bindparam("project")).execution_options(populate_existing=True)
)
_LOCKED_PROJECT: Final = _locking(_PROJECT, ProjectRow)
_ENVIRONMENTS: Final = (
    select(EnvironmentRow)
    .join(ProjectRow, ProjectRow.id == EnvironmentRow.project_id)
    .where(ProjectRow.key == bindparam("project"))
    .order_by(EnvironmentRow.id)
    .execution_options(populate_existing=True)
)
_LOCKED_ENVIRONMENTS: Final = _locking(_ENVIRONMENTS, EnvironmentRow)
_ENVIRONMENT: Final = _ENVIRONMENTS.where(EnvironmentRow.key == bindparam("key"))
_LOCKED_ENVIRONMENT: Final = _locking(_ENVIRONMENT, EnvironmentRow)
_ENVIRONMENTS_BY_ID: Final = (
    select(EnvironmentRow, ProjectRow.key)
    .join(ProjectRow)
    .where(EnvironmentRow.id.in_(bindparam("ids", expanding=True)))
    .execution_options(populate_existing=True)
)
_TABLE: Final = cast("Table", EnvironmentRow.__table__)
_ADVANCED: Final = (
    update(_TABLE)
    .where(_TABLE.c.id.in_(bindparam("ids", expanding=True)))
    .values(revision=_TABLE.c.revision + 1, stamp=bindparam("fresh"))
    .returning(_TABLE.c.id, _TABLE.c.revision)
)


def projects(session: Session) -> tuple[ProjectView, ...]:
    """Every project, by key."""
    return tuple(_project(row) for row in session.scalars(select(ProjectRow).order_by(ProjectRow.key)))


def project(session: Session, key: str, *, lock: bool = False) -> ProjectView | None:
    """The project of that key; ``lock`` keeps others from adding to it until the transaction ends."""
    if not is_key(key):
        return None
    row = session.scalar(_LOCKED_PROJECT if lock else _PROJECT, {"project": key})
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
    rows = session.scalars(_LOCKED_ENVIRONMENTS if lock else _ENVIRONMENTS, {"project": project_key})
    return tuple(_environment(row, project_key) for row in rows)


def environment(
    session: Session, project_key: str, key: str, *, lock: bool = False
) -> EnvironmentView | None:
    """One environment; ``lock`` makes every other change of its ruleset wait for this transaction."""
    if not (is_key(project_key) and is_key(key)):
        return None
    statement = _LOCKED_ENVIRONMENT if lock else _ENVIRONMENT
    row = session.scalar(statement, {"project": project_key, "key": key})
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


def advance(session: Session, environment_ids: Collection[int]) -> dict[int, int]:
    """Move each environment's ruleset to its next revision, returned by the row's id, under a new stamp."""
    moved = session.execute(_ADVANCED, {"ids": list(environment_ids), "fresh": _fresh_stamp()})
    return {row.id: row.revision for row in moved}


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
    found = session.execute(_ENVIRONMENTS_BY_ID, {"ids": list(ids)})
    return {row.id: _environment(row, project) for row, project in found}


def set_required_approvers(session: Session, environment_id: int, count: int) -> None:
    """Write how many approvals a change of this environment needs."""
    session.execute(
        update(EnvironmentRow).where(EnvironmentRow.id == environment_id).values(required_approvers=count)
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
