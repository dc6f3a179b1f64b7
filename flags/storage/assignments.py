"""The store of assignments: who was enrolled with which variant. The first writer wins, for good."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, and_, delete, func, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from flags.assignments import Assignment, AssignmentChange, EnrolledBy, Enrolment
from flags.storage.tables import (
    AssignmentChangeRow,
    AssignmentRow,
    EnvironmentRow,
    FlagRow,
    FlagStateRow,
    ProjectRow,
)
from pointsman.core.model import Range
from runtime.actors import Actor, ActorKind

# Bind parameters in one statement: far below what either database takes.
_ROWS_AT_ONCE: Final = 500
_INSERT: Final[Mapping[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_SIGN: Final = 1 << 63


def enrol(session: Session, state_id: int, enrolments: Sequence[Enrolment]) -> int:
    """Write those who are not there yet; how many were new. Ordered by unit, so writers never deadlock."""
    if not enrolments:
        return 0
    insert_into = _INSERT[session.get_bind().dialect.name]
    rows = [_columns(state_id, each) for each in sorted(enrolments, key=lambda each: each.unit)]
    # Rows as parameters, on the connection: a statement with its values inside is compiled anew each time,
    # which took nine tenths of the time.
    statement = insert_into(AssignmentRow.__table__).on_conflict_do_nothing().returning(AssignmentRow.id)
    return len(session.connection().execute(statement, rows).all())


def variants_of(session: Session, state_id: int, units: Iterable[str]) -> dict[str, str]:
    """The variant each of the units keeps; those never enrolled are absent."""
    wanted = list(units)
    found: dict[str, str] = {}
    for start in range(0, len(wanted), _ROWS_AT_ONCE):
        query = select(AssignmentRow.unit, AssignmentRow.variant).where(
            AssignmentRow.flag_state_id == state_id,
            AssignmentRow.unit.in_(wanted[start : start + _ROWS_AT_ONCE]),
        )
        found.update((unit, variant) for unit, variant in session.execute(query))
    return found


def of_unit_in(session: Session, environment_id: int, unit: str) -> dict[str, str]:
    """The variant the unit keeps in one environment, by flag."""
    query = (
        select(FlagRow.key, AssignmentRow.variant)
        .join(FlagStateRow, FlagStateRow.id == AssignmentRow.flag_state_id)
        .join(FlagRow, FlagRow.id == FlagStateRow.flag_id)
        .where(AssignmentRow.unit == unit, FlagStateRow.environment_id == environment_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def of_unit(session: Session, project: str, unit: str) -> tuple[Assignment, ...]:
    """Every assignment of the unit in the project, by environment and flag."""
    query = _assignments().where(ProjectRow.key == project, AssignmentRow.unit == unit)
    rows = session.execute(query.order_by(EnvironmentRow.id, FlagRow.key))
    return tuple(_view(*row) for row in rows)


def of_flag(session: Session, state_id: int, *, after: int, limit: int) -> tuple[Assignment, ...]:
    """Assignments of one flag in one environment in the order they were written, beyond a row id."""
    query = _assignments().where(AssignmentRow.flag_state_id == state_id, AssignmentRow.id > after)
    return tuple(_view(*row) for row in session.execute(query.order_by(AssignmentRow.id).limit(limit)))


def counts(session: Session, state_id: int) -> dict[str, int]:
    """How many units keep each variant."""
    query = select(AssignmentRow.variant, func.count()).where(AssignmentRow.flag_state_id == state_id)
    return {row[0]: row[1] for row in session.execute(query.group_by(AssignmentRow.variant))}


def newest(session: Session, state_id: int) -> int:
    """The newest assignment's row id; 0: none."""
    query = select(func.max(AssignmentRow.id)).where(AssignmentRow.flag_state_id == state_id)
    return session.scalars(query).one() or 0


def newest_anywhere(session: Session) -> int:
    """The newest row id of all; 0: none."""
    return session.scalars(select(func.max(AssignmentRow.id))).one() or 0


def environments_with_late(session: Session, after: int) -> frozenset[int]:
    """Environments with a row beyond a row id that belongs to an epoch its flag has left."""
    query = (
        select(FlagStateRow.environment_id)
        .join(AssignmentRow, AssignmentRow.flag_state_id == FlagStateRow.id)
        .where(AssignmentRow.id > after, AssignmentRow.epoch < FlagStateRow.epoch)
        .distinct()
    )
    return frozenset(session.scalars(query))


def hashes(
    session: Session, state_id: int, rule: str, ranges: Sequence[Range], *, epoch: int, after: int = 0
) -> Iterator[int]:
    """The hashes of units enrolled by a rule before an epoch with the variant that owned their bucket then.

    Unsigned 64-bit, in no order; only rows beyond the row id ``after``.
    """
    owned = [
        and_(
            AssignmentRow.variant == part.variant,
            or_(
                AssignmentRow.bucket.is_(None),
                and_(AssignmentRow.bucket >= part.start, AssignmentRow.bucket < part.end),
            ),
        )
        for part in ranges
    ]
    query = select(AssignmentRow.unit_hash).where(
        AssignmentRow.flag_state_id == state_id,
        AssignmentRow.rule == rule,
        AssignmentRow.epoch < epoch,
        AssignmentRow.id > after,
        or_(*owned),
    )
    # Closed also when the caller has enough: PostgreSQL keeps a cursor for it.
    with session.execute(query.execution_options(yield_per=10_000)) as found:
        for (number,) in found:
            yield number % (1 << 64)


def replace_variant(
    session: Session,
    state_id: int,
    before: str,
    after: str,
    *,
    epoch: int,
    at: datetime,
    by: Actor,
    reason: str,
) -> int:
    """Give everybody who keeps one variant another, with a line of history for each; how many."""
    mine = (AssignmentRow.flag_state_id == state_id, AssignmentRow.variant == before)
    constants = {
        "before": before,
        "after": after,
        "epoch": epoch,
        "actor_kind": by.kind.value,
        "actor": by.name,
        "reason": reason,
    }
    copied = select(
        AssignmentRow.flag_state_id,
        AssignmentRow.unit,
        literal(at, type_=AssignmentChangeRow.at.type),
        *(literal(value) for value in constants.values()),
    ).where(*mine)
    session.execute(
        insert(AssignmentChangeRow).from_select(["flag_state_id", "unit", "at", *constants], copied)
    )
    moved = session.execute(
        update(AssignmentRow).where(*mine).values(variant=after).returning(AssignmentRow.id)
    )
    return len(moved.all())


def forget_unit(session: Session, project: str, unit: str) -> tuple[int, ...]:
    """Delete everything known of the unit in the project; the states whose assignments it had."""
    states = (
        select(FlagStateRow.id)
        .join(FlagRow, FlagRow.id == FlagStateRow.flag_id)
        .join(ProjectRow, ProjectRow.id == FlagRow.project_id)
        .where(ProjectRow.key == project)
    )
    gone = session.execute(
        delete(AssignmentRow)
        .where(AssignmentRow.unit == unit, AssignmentRow.flag_state_id.in_(states))
        .returning(AssignmentRow.flag_state_id)
    ).scalars()
    found = tuple(sorted(set(gone)))
    session.execute(
        delete(AssignmentChangeRow).where(
            AssignmentChangeRow.unit == unit, AssignmentChangeRow.flag_state_id.in_(states)
        )
    )
    return found


def forget_flag(session: Session, state_id: int) -> int:
    """Delete every assignment of one flag in one environment; how many."""
    gone = session.execute(
        delete(AssignmentRow).where(AssignmentRow.flag_state_id == state_id).returning(AssignmentRow.id)
    )
    return len(gone.all())


def changes_of_unit(session: Session, project: str, unit: str) -> tuple[AssignmentChange, ...]:
    """What became of the unit's assignments, oldest first."""
    query = (
        select(AssignmentChangeRow, EnvironmentRow.key, FlagRow.key)
        .join(FlagStateRow, FlagStateRow.id == AssignmentChangeRow.flag_state_id)
        .join(EnvironmentRow, EnvironmentRow.id == FlagStateRow.environment_id)
        .join(FlagRow, FlagRow.id == FlagStateRow.flag_id)
        .join(ProjectRow, ProjectRow.id == FlagRow.project_id)
        .where(ProjectRow.key == project, AssignmentChangeRow.unit == unit)
        .order_by(AssignmentChangeRow.id)
    )
    return tuple(
        AssignmentChange(
            environment=environment,
            flag=flag,
            unit=row.unit,
            before=row.before,
            after=row.after,
            epoch=row.epoch,
            at=row.at,
            actor=Actor(ActorKind(row.actor_kind), row.actor),
            reason=row.reason,
        )
        for row, environment, flag in session.execute(query)
    )


def _columns(state_id: int, enrolment: Enrolment) -> dict[str, object]:
    signed = enrolment.unit_hash - (1 << 64) if enrolment.unit_hash >= _SIGN else enrolment.unit_hash
    return {
        "flag_state_id": state_id,
        "unit_type": enrolment.unit_type,
        "unit": enrolment.unit,
        "variant": enrolment.variant,
        "rule": enrolment.rule,
        "epoch": enrolment.epoch,
        "bucket": enrolment.bucket,
        "unit_hash": signed,
        "at": enrolment.at,
        "reason": enrolment.reason.value,
    }


def _assignments() -> Select[AssignmentRow, str, str]:
    return (
        select(AssignmentRow, EnvironmentRow.key, FlagRow.key)
        .join(FlagStateRow, FlagStateRow.id == AssignmentRow.flag_state_id)
        .join(EnvironmentRow, EnvironmentRow.id == FlagStateRow.environment_id)
        .join(FlagRow, FlagRow.id == FlagStateRow.flag_id)
        .join(ProjectRow, ProjectRow.id == FlagRow.project_id)
    )


def _view(row: AssignmentRow, environment: str, flag: str) -> Assignment:
    return Assignment(
        id=row.id,
        environment=environment,
        flag=flag,
        unit_type=row.unit_type,
        unit=row.unit,
        variant=row.variant,
        rule=row.rule,
        epoch=row.epoch,
        at=row.at,
        reason=EnrolledBy(row.reason),
    )
