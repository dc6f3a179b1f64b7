"""How flags serve in environments: reading, adding, and changing on condition of a version."""

import typing
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from sqlalchemy import Select, Table, Text, bindparam, cast, insert, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from flags.model import FlagState
from flags.reading import kept_from_json, requires_from_json, rules_from_json, switches_from_json
from flags.references import refers
from flags.storage.tables import EnvironmentRow, FlagRow, FlagStateRow
from flags.wire import kept_to_json, requires_to_json, rules_to_json, switches_to_json

T = TypeVar("T")

# Bind parameters in one IN list: far below what either database takes.
_IDS_AT_ONCE = 500


def _states() -> Select[FlagStateRow, str]:
    return (
        select(FlagStateRow, EnvironmentRow.key)
        .join(EnvironmentRow, EnvironmentRow.id == FlagStateRow.environment_id)
        .execution_options(populate_existing=True)
    )


# Built once: building a statement costs more than running it.
_STATE: Final = _states().where(
    FlagStateRow.flag_id == bindparam("flag_id"), FlagStateRow.environment_id == bindparam("environment_id")
)
_COLUMNS: Final = (
    *("enabled", "off_variant", "default_variant", "rules", "next_rule", "version", "overrides", "requires"),
    *("switches", "epoch", "kept", "refers"),
)
_TABLE: Final = typing.cast("Table", FlagStateRow.__table__)
_ADDED: Final = insert(_TABLE)


def _changing(columns: Iterable[str]) -> ReturningUpdate[int]:
    return (
        update(_TABLE)
        .where(
            _TABLE.c.flag_id == bindparam("in_flag"),
            _TABLE.c.environment_id == bindparam("in_environment"),
            _TABLE.c.version == bindparam("at_version"),
        )
        .values({name: bindparam(name) for name in columns})
        .returning(_TABLE.c.id)
    )


_CHANGED: Final = _changing(_COLUMNS)
_SWITCHED: Final = _changing(("enabled", "version"))


def state(session: Session, flag_id: int, environment_id: int) -> FlagState:
    """The state as the database has it now. NoResultFound: flag and environment are of two projects."""
    asked = {"flag_id": flag_id, "environment_id": environment_id}
    row, environment = session.execute(_STATE, asked).one()
    return _view(row, environment)


def states_of(session: Session, flag_ids: Iterable[int]) -> dict[int, tuple[FlagState, ...]]:
    """The states of each flag in the order of the environments; flags without any are absent."""
    ids = list(flag_ids)
    found: dict[int, list[FlagState]] = {}
    for start in range(0, len(ids), _IDS_AT_ONCE):
        query = _states().where(FlagStateRow.flag_id.in_(ids[start : start + _IDS_AT_ONCE]))
        for row, environment in session.execute(query.order_by(FlagStateRow.environment_id)):
            found.setdefault(row.flag_id, []).append(_view(row, environment))
    return {flag_id: tuple(states) for flag_id, states in found.items()}


def add(session: Session, states: Iterable[FlagState]) -> None:
    """Write new states as they are given."""
    rows = [
        {"flag_id": each.flag_id, "environment_id": each.environment_id, **_columns(each)} for each in states
    ]
    if rows:
        session.execute(_ADDED, rows)


def change(session: Session, before: FlagState, after: FlagState) -> bool:
    """Replace ``before`` by ``after``; False: the state is no longer at the version of ``before``."""
    asked = {
        "in_flag": before.flag_id,
        "in_environment": before.environment_id,
        "at_version": before.version,
    }
    statement = _SWITCHED if after.broken else _CHANGED
    return session.execute(statement, asked | _columns(after)).scalar_one_or_none() is not None


def id_of(session: Session, flag_id: int, environment_id: int) -> int:
    """The state's own row id, which assignments refer to. NoResultFound."""
    query = select(FlagStateRow.id).where(
        FlagStateRow.flag_id == flag_id, FlagStateRow.environment_id == environment_id
    )
    return session.scalars(query).one()


def referring(session: Session, environment_id: int, token: str) -> tuple[str, ...]:
    """Keys of the flags, archived or not, whose state there refers to something: ``segment:staff``."""
    query = (
        select(FlagRow.key)
        .join(FlagStateRow, FlagStateRow.flag_id == FlagRow.id)
        .where(
            FlagStateRow.environment_id == environment_id,
            FlagStateRow.refers.contains(f" {token} ", autoescape=True),
        )
        .order_by(FlagRow.key)
    )
    return tuple(session.scalars(query))


def with_references(session: Session, environment_id: int, kind: str) -> dict[str, FlagState]:
    """The states there that refer to anything of a kind (``flag``, ``layer``), by the flag's key."""
    query = (
        _states()
        .add_columns(FlagRow.key)
        .join(FlagRow, FlagRow.id == FlagStateRow.flag_id)
        .where(
            FlagStateRow.environment_id == environment_id,
            FlagRow.archived_at.is_(None),
            FlagStateRow.refers.contains(f" {kind}:", autoescape=True),
        )
    )
    return {key: _view(row, environment) for row, environment, key in session.execute(query)}


def sticky(session: Session, environment_id: int) -> dict[str, FlagState]:
    """The states there of sticky flags that are not archived, by the flag's key."""
    query = (
        _states()
        .add_columns(FlagRow.key)
        .join(FlagRow, FlagRow.id == FlagStateRow.flag_id)
        .where(
            FlagStateRow.environment_id == environment_id,
            FlagRow.sticky.is_(True),
            FlagRow.archived_at.is_(None),
        )
        .order_by(FlagRow.key)
    )
    return {key: _view(row, environment) for row, environment, key in session.execute(query)}


def with_switches(session: Session, environment_id: int) -> dict[str, FlagState]:
    """The states there that have switches ahead or due, by the flag's key; archived flags' are left out."""
    query = (
        _states()
        .add_columns(FlagRow.key)
        .join(FlagRow, FlagRow.id == FlagStateRow.flag_id)
        .where(
            FlagStateRow.environment_id == environment_id,
            FlagRow.archived_at.is_(None),
            cast(FlagStateRow.switches, Text) != "[]",
        )
        .order_by(FlagRow.key)
    )
    return {key: _view(row, environment) for row, environment, key in session.execute(query)}


def with_kept(session: Session, environment_id: int) -> tuple[FlagState, ...]:
    """The states there that keep units, those of archived flags too."""
    query = _states().where(
        FlagStateRow.environment_id == environment_id, cast(FlagStateRow.kept, Text) != "[]"
    )
    return tuple(_view(row, environment) for row, environment in session.execute(query))


def _columns(state: FlagState) -> dict[str, object]:
    switch: dict[str, object] = {"enabled": state.enabled, "version": state.version}
    if state.broken:
        return switch  # What could not be read is not replaced by what was understood of it.
    return switch | {
        "off_variant": state.off,
        "default_variant": state.default,
        "rules": rules_to_json(state.rules),
        "next_rule": state.next_rule,
        "overrides": state.overrides,
        "requires": requires_to_json(state.requires),
        "switches": switches_to_json(state.switches),
        "epoch": state.epoch,
        "kept": kept_to_json(state.kept),
        "refers": refers(state.rules, state.requires),
    }


def _view(row: FlagStateRow, environment: str) -> FlagState:
    broken: list[str] = []
    return FlagState(
        flag_id=row.flag_id,
        environment_id=row.environment_id,
        environment=environment,
        enabled=row.enabled,
        off=row.off_variant,
        default=row.default_variant,
        rules=_read("rules", rules_from_json, row.rules, broken),
        next_rule=row.next_rule,
        version=row.version,
        overrides=row.overrides,
        requires=_read("requires", requires_from_json, row.requires, broken),
        switches=_read("switches", switches_from_json, row.switches, broken),
        epoch=row.epoch,
        kept=_read("kept", kept_from_json, row.kept, broken),
        broken="; ".join(broken),
    )


def _read(
    column: str, read: Callable[[Any], tuple[T, ...]], stored: object, broken: list[str]
) -> tuple[T, ...]:
    """What is stored, or nothing and a line in ``broken``: a flag that can't be read can be switched off."""
    try:
        return read(stored)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        broken.append(f"its stored {column} cannot be read ({type(error).__name__}: {str(error)[:200]})")
        return ()
