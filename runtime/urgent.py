"""A lane for what must not wait behind a long change: switching off before anything else.

SQLite has one writer at a time, and PostgreSQL one for each locked row. A long change (an import, a plan or
an application of thousands of flags) looks now and then whether somebody has announced something urgent, and
then gives way: it is undone whole, and whoever asked for it is told to come again.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from runtime.database import Database
from runtime.errors import Busy

_LOOK_EVERY_S: Final = 0.1
# An announcement whose process died is no reason to stop everything for ever.
_BELIEVED_S: Final = 60.0
_LOCK: Final = 0x706F696E
"""PostgreSQL's advisory lock; held in shared mode by whoever announces."""


@contextmanager
def announced(database: Database, *, urgent: bool = True) -> Iterator[None]:
    """What is done inside need not wait for long changes, if it is urgent."""
    if not urgent:
        yield
        return
    path = _path(database.engine.url.database) if database.engine.dialect.name == "sqlite" else None
    if path is not None:
        mark = path.with_name(f"{path.name}.{os.getpid()}-{time.monotonic_ns()}")
        mark.touch()
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SELECT pg_advisory_lock_shared(:lock)"), {"lock": _LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock_shared(:lock)"), {"lock": _LOCK})


class Lane:
    """For one long change in its transaction."""

    def __init__(self, session: Session) -> None:
        self._session: Final = session
        bind = session.get_bind()
        is_file = bind.dialect.name == "sqlite"
        self._path: Final = _path(bind.engine.url.database) if is_file else None
        self._looked = time.monotonic()

    def give_way(self) -> None:
        """Go on, unless something urgent waits. Busy: it does."""
        if time.monotonic() - self._looked < _LOOK_EVERY_S:
            return
        if self._is_wanted():
            raise Busy(
                "a flag had to be switched off at once, so this long change was undone whole; try it again",
                retry_after_s=2,
            )
        self._looked = time.monotonic()

    def _is_wanted(self) -> bool:
        if self._path is None:
            query = text(
                "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
                "AND classid = 0 AND objid = :lock)"
            )
            return bool(self._session.execute(query, {"lock": _LOCK}).scalar())
        marks = self._path.parent.glob(f"{self._path.name}.*")
        return any(_is_fresh(mark) for mark in marks)


def _path(database: str | None) -> Path:
    return Path(f"{database or 'memory'}.urgent")


def _is_fresh(mark: Path) -> bool:
    try:
        return time.time() - mark.stat().st_mtime < _BELIEVED_S
    except FileNotFoundError:
        return False
