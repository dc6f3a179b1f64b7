"""The audit log as a chain: each entry's hash covers the entry and the hash before it.

    hash = sha256(hash of the entry before, as text + canonical JSON of the entry)

Whoever changes, removes or slips in an entry has to make every later hash anew, and then the head differs
from the one an auditor wrote down. Entries join the chain as the last thing before their transaction commits,
under the lock of the one head row. Nothing is locked after it, so nobody waits in a circle; and nobody holds
it longer than a commit takes.
"""

import hashlib
import json
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import Row, Select, Table, bindparam, event, func, inspect, select, update
from sqlalchemy.orm import Session

from runtime.audit_tables import GENESIS, AuditHeadRow, AuditRow

_PENDING: Final = "pointsman.audit"
_ROWS_AT_ONCE: Final = 1_000
_ENTRIES: Final = cast("Table", AuditRow.__table__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The first entry that does not fit; ``position`` None: it is in no place of the chain."""

    position: int | None
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a look at the whole chain found. ``head`` is the last sound entry's hash: write it down."""

    entries: int
    head: str
    broken: Broken | None


def digest(previous: str, row: "Row[Any]", position: int) -> str:
    """The hash of an entry at that position, as 64 hexadecimal digits. This spelling never changes."""
    at: datetime = row.at
    entry = {
        "position": position,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_kind": row.actor_kind,
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "details": row.details,
    }
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256((previous + text).encode()).hexdigest()


def add(session: Session, row: AuditRow) -> None:
    """Write the entry now, and into the chain when the transaction commits."""
    session.add(row)
    session.info.setdefault(_PENDING, []).append(row)


def verify(session: Session, *, expect_head: str | None = None) -> Verdict:
    """Read the whole chain, in bounded memory, as one snapshot; to be called first in its transaction.

    ``expect_head`` is a head seen earlier: it must still be an entry's hash, or the log was cut and rebuilt.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    last, previous, seen = 0, GENESIS, expect_head in (None, GENESIS)
    try:
        with closing(_stored(session)) as rows:
            for row in rows:
                if problem := _problem(row, last + 1, previous):
                    return Verdict(entries=last, head=previous, broken=problem)
                last, previous = row.position, row.hash
                seen = seen or previous == expect_head
    except (ValueError, TypeError) as error:  # As columns raise that hold what was never written there.
        broken = _unreadable(session, last, previous, error)
        return Verdict(entries=broken.position - 1, head=broken.head, broken=broken.problem)
    return Verdict(entries=last, head=previous, broken=_end_problem(session, last, previous, seen=seen))


def entry_columns() -> "Select[Any]":
    """What a hash covers, read as the database has it, beside position and hash."""
    columns = ("id", "at", "actor_kind", "actor", "action", "subject", "details", "position", "hash")
    return select(*(_ENTRIES.c[name] for name in columns))


def _stored(session: Session) -> "Generator[Row[Any], None, None]":
    query = entry_columns().where(_ENTRIES.c.position.is_not(None)).order_by(_ENTRIES.c.position)
    # Closed even where nobody reads to the end: a cursor left open on the server would hold its connection.
    with session.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE}) as found:
        yield from found


class _Unreadable(NamedTuple):
    position: int
    head: str
    """The hash of the entry before."""
    problem: Broken


def _unreadable(session: Session, last: int, previous: str, error: Exception) -> _Unreadable:
    """Which entry cannot be read: rows come in thousands, so these are looked at one by one."""
    while True:
        one = entry_columns().where(_ENTRIES.c.position == last + 1)
        try:
            row = session.execute(one).first()
            problem = None if row is None else _problem(row, last + 1, previous)
        except (ValueError, TypeError) as unreadable:
            row, problem = None, Broken(position=last + 1, problem=f"cannot be read ({unreadable})")
        if row is None or problem is not None:
            return _Unreadable(
                last + 1, previous, problem or Broken(position=last + 1, problem=f"cannot be read ({error})")
            )
        last, previous = row.position, row.hash


def _problem(row: "Row[Any]", expected: int, previous: str) -> Broken | None:
    if row.position != expected:
        return Broken(position=expected, problem="is missing: an entry was deleted")
    if row.hash != digest(previous, row, expected):
        return Broken(position=expected, problem="does not match its hash: it was changed or slipped in")
    return None


def _end_problem(session: Session, last: int, previous: str, *, seen: bool) -> Broken | None:
    heads = session.execute(select(AuditHeadRow.position, AuditHeadRow.hash)).all()
    if not heads:
        return Broken(position=None, problem="the row that says where the chain ends is missing")
    if len(heads) > 1:
        return Broken(position=None, problem="more than one row says where the chain ends")
    head = heads[0]
    if head.position > last:
        return Broken(position=last + 1, problem="is missing: the end of the log was cut off")
    if (head.position, head.hash) != (last, previous):
        return Broken(position=head.position + 1, problem="was slipped in after the end of the chain")
    loose = select(func.count(), func.min(_ENTRIES.c.id)).where(_ENTRIES.c.position.is_(None))
    count, first = session.execute(loose).one()
    if count:
        return Broken(position=None, problem=f"the row with id {first} was slipped in beside the chain")
    if not seen:
        return Broken(position=None, problem="no entry has the expected head: the log was cut or rebuilt")
    return None


@event.listens_for(Session, "before_commit")
def _seal(session: Session) -> None:
    # Savepoints end with this event too; only what survives all of them is in the chain.
    if session.in_nested_transaction() or _PENDING not in session.info:
        return
    session.flush()
    rows = session.info.pop(_PENDING)
    # What a savepoint took back is not persistent any more.
    ids = [row.id for row in rows if inspect(row).persistent]
    if ids:
        _append(session, ids)


def _append(session: Session, ids: list[int]) -> None:
    head = session.execute(select(AuditHeadRow.position, AuditHeadRow.hash).with_for_update()).one_or_none()
    if head is None:
        raise RuntimeError(
            "the table audit_head is empty: the audit log has lost its end, nothing is written"
        )
    position, previous = head.position, head.hash
    links = []
    for start in range(0, len(ids), _ROWS_AT_ONCE):
        some = entry_columns().where(_ENTRIES.c.id.in_(ids[start : start + _ROWS_AT_ONCE]))
        for row in session.execute(some.order_by(_ENTRIES.c.id)):
            position += 1
            previous = digest(previous, row, position)
            links.append({"row": row.id, "at_position": position, "its_hash": previous})
    link = update(_ENTRIES).where(_ENTRIES.c.id == bindparam("row"))
    session.connection().execute(
        link.values(position=bindparam("at_position"), hash=bindparam("its_hash")), links
    )
    session.execute(update(AuditHeadRow).values(position=position, hash=previous))
