"""Flags: reading, adding, and changing on condition of a version."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from flags.labels import Search
from flags.limits import is_key
from flags.model import FlagView, Link, NewFlag, Page, ProjectView
from flags.storage.tables import FlagRow, ProjectRow
from pointsman.core.model import Kind, Scheme

# Built once: building a statement costs more than running it.
_FLAG: Final = (
    select(FlagRow)
    .join(ProjectRow, ProjectRow.id == FlagRow.project_id)
    .where(ProjectRow.key == bindparam("project"), FlagRow.key == bindparam("key"))
    .execution_options(populate_existing=True)
)
_COUNT: Final = select(func.count(FlagRow.id)).where(FlagRow.project_id == bindparam("project_id"))


def flag(session: Session, project_key: str, key: str) -> FlagView | None:
    """The flag of that key, archived or not, as the database has it now."""
    if not (is_key(project_key) and is_key(key)):
        return None
    row = session.scalar(_FLAG, {"project": project_key, "key": key})
    return None if row is None else _view(row, project_key)


def all_flags(session: Session, project_key: str) -> tuple[FlagView, ...]:
    """Every flag of the project, archived ones included, by key."""
    return tuple(
        _view(row, project_key) for row in session.scalars(_flags(project_key).order_by(FlagRow.key))
    )


def variants_of(session: Session, project_key: str, keys: Iterable[str]) -> dict[str, frozenset[str]]:
    """The variants' names of those flags that are there and not archived."""
    query = _flags(project_key).where(FlagRow.key.in_(sorted(keys)), FlagRow.archived_at.is_(None))
    return {row.key: frozenset(row.variants) for row in session.scalars(query)}


def page(
    session: Session, project_key: str, *, search: Search, archived: bool, limit: int, offset: int
) -> Page[FlagView]:
    """Flags that match the search, by key."""
    query = _flags(project_key).where(
        FlagRow.archived_at.is_not(None) if archived else FlagRow.archived_at.is_(None)
    )
    if search.text:
        query = query.where(
            or_(
                FlagRow.key.icontains(search.text, autoescape=True),
                FlagRow.name.icontains(search.text, autoescape=True),
            )
        )
    for tag in search.tags:
        query = query.where(FlagRow.tags.contains(f" {tag} ", autoescape=True))
    if search.owner:
        query = query.where(FlagRow.owner.icontains(search.owner, autoescape=True))
    total = session.scalars(select(func.count()).select_from(query.subquery())).one()
    rows = session.scalars(query.order_by(FlagRow.key).limit(limit).offset(offset))
    return Page(items=tuple(_view(row, project_key) for row in rows), total=total, offset=offset)


def count(session: Session, project: ProjectView) -> int:
    """How many flags the project has, archived ones included."""
    return session.scalars(_COUNT, {"project_id": project.id}).one()


def add(
    session: Session,
    project: ProjectView,
    new: NewFlag,
    *,
    salt: str,
    now: datetime,
) -> FlagView:
    """The new flag at version 1. The caller has locked the project and seen that the key is free."""
    row = FlagRow(
        project_id=project.id,
        key=new.key,
        name=new.name or new.key,
        description=new.description,
        kind=new.kind.value,
        salt=salt,
        variants=dict(new.variants),
        version=1,
        created_at=now,
        archived_at=None,
        unit_type=new.unit_type,
        scheme=new.scheme.value,
        sticky=new.sticky,
        schema=None if new.schema is None else dict(new.schema),
    )
    session.add(row)
    session.flush()
    return _view(row, project.key)


def change(session: Session, flag_id: int, expected_version: int, values: Mapping[str, Any]) -> bool:
    """Write the values and the next version; False: the flag is no longer at ``expected_version``."""
    changed = session.execute(
        update(FlagRow)
        .where(FlagRow.id == flag_id, FlagRow.version == expected_version)
        .values({**values, "version": expected_version + 1})
        .returning(FlagRow.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    return changed is not None


def tags_to_text(tags: Sequence[str]) -> str:
    """Tags as the column keeps them."""
    return f" {' '.join(tags)} " if tags else ""


def _flags(project_key: str) -> Select[FlagRow]:
    return (
        select(FlagRow)
        .join(ProjectRow, ProjectRow.id == FlagRow.project_id)
        .where(ProjectRow.key == project_key)
    )


def _view(row: FlagRow, project_key: str) -> FlagView:
    return FlagView(
        id=row.id,
        project=project_key,
        key=row.key,
        name=row.name,
        description=row.description,
        kind=Kind(row.kind),
        salt=row.salt,
        variants=row.variants,
        version=row.version,
        created_at=row.created_at,
        archived_at=row.archived_at,
        unit_type=row.unit_type,
        scheme=Scheme(row.scheme),
        sticky=row.sticky,
        schema=row.schema,
        tags=tuple(row.tags.split()),
        owner=row.owner,
        links=tuple(Link(**each) for each in row.links),
    )
