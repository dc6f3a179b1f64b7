"""Segments of an environment: reading, adding, changing on condition of a version, deleting."""

from collections.abc import Iterable

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from flags.limits import is_key
from flags.model import EnvironmentView, SegmentView
from flags.reading import nodes_from_json
from flags.references import every_node, flags_in, segments_in
from flags.storage.tables import SegmentRow
from flags.wire import nodes_to_json
from pointsman.core.model import Node


def segments(session: Session, at: EnvironmentView) -> tuple[SegmentView, ...]:
    """Every segment of the environment, by key."""
    rows = session.scalars(_segments(at).order_by(SegmentRow.key))
    return tuple(_view(row, at) for row in rows)


def segment(session: Session, at: EnvironmentView, key: str) -> SegmentView | None:
    """The segment of that key as the database has it now."""
    row = session.scalar(_segments(at).where(SegmentRow.key == key)) if is_key(key) else None
    return None if row is None else _view(row, at)


def salt_of(session: Session, segment_id: int) -> str:
    """What its units are hashed with."""
    return session.scalars(select(SegmentRow.salt).where(SegmentRow.id == segment_id)).one()


def count(session: Session, at: EnvironmentView) -> int:
    """How many segments the environment has."""
    query = select(func.count(SegmentRow.id)).where(SegmentRow.environment_id == at.id)
    return session.scalars(query).one()


def add(session: Session, at: EnvironmentView, segment: SegmentView, *, salt: str) -> SegmentView:
    """Write a new segment at version 1. The caller has locked the environment; the key is free."""
    row = SegmentRow(environment_id=at.id, key=segment.key, salt=salt, **_columns(segment), version=1)
    session.add(row)
    session.flush()
    return _view(row, at)


def change(session: Session, before: SegmentView, after: SegmentView) -> bool:
    """Replace ``before`` by ``after`` at the next version; False: it is no longer at ``before``'s version."""
    changed = session.execute(
        update(SegmentRow)
        .where(SegmentRow.id == before.id, SegmentRow.version == before.version)
        .values(**_columns(after), version=before.version + 1)
        .returning(SegmentRow.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    return changed is not None


def remove(session: Session, segment_id: int) -> None:
    """Delete the segment. The caller has seen that nothing refers to it."""
    session.execute(delete(SegmentRow).where(SegmentRow.id == segment_id))


def referring(session: Session, at: EnvironmentView, token: str) -> tuple[str, ...]:
    """Keys of segments whose conditions refer to something: ``segment:staff``."""
    query = select(SegmentRow.key).where(
        SegmentRow.environment_id == at.id, SegmentRow.refers.contains(f" {token} ", autoescape=True)
    )
    return tuple(session.scalars(query.order_by(SegmentRow.key)))


def _segments(at: EnvironmentView) -> Select[SegmentRow]:
    return (
        select(SegmentRow).where(SegmentRow.environment_id == at.id).execution_options(populate_existing=True)
    )


def _columns(segment: SegmentView) -> dict[str, object]:
    return {
        "name": segment.name,
        "description": segment.description,
        "conditions": nodes_to_json(segment.conditions),
        "included": list(segment.included),
        "excluded": list(segment.excluded),
        "included_count": segment.included_count,
        "excluded_count": segment.excluded_count,
        "refers": _refers(segment.conditions),
    }


def _refers(conditions: Iterable[Node]) -> str:
    nodes = list(every_node(conditions))
    tokens = [
        *(f"flag:{key}" for key in sorted(flags_in(nodes))),
        *(f"segment:{key}" for key in sorted(segments_in(nodes))),
    ]
    return f" {' '.join(tokens)} " if tokens else ""


def _view(row: SegmentRow, at: EnvironmentView) -> SegmentView:
    return SegmentView(
        id=row.id,
        project=at.project,
        environment=at.key,
        key=row.key,
        name=row.name,
        description=row.description,
        conditions=nodes_from_json(row.conditions),
        included=tuple(row.included),
        excluded=tuple(row.excluded),
        included_count=row.included_count,
        excluded_count=row.excluded_count,
        version=row.version,
    )
