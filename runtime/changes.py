"""Whether anything may have been committed to the database since a moment.

What a process remembers of the database is good for as long as this says no. See ADR 6.
"""

import sqlite3
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Final, Protocol, TypeAlias

from sqlalchemy import Engine

Mark: TypeAlias = float
"""A moment, as a watch names it; only good for the watch that gave it."""

# How long a process believes what it read from a database that it cannot watch.
BELIEF_S: Final = 0.25
_NEVER: Final = -1.0


class Changes(Protocol):
    """Tells whether the database is still as it was. Safe to share between threads; never waits."""

    def mark(self) -> Mark:
        """This moment: to be taken before reading what is to be remembered."""
        ...

    def since(self, mark: Mark) -> bool:
        """Whether something may have been committed since."""
        ...


class SqliteChanges:
    """Exact and at once: SQLite counts the commits of others in shared memory, which takes microseconds."""

    def __init__(self, path: str) -> None:
        # autocommit and no patience: a look that would have to wait says "maybe" instead.
        self._connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        self._lock = Lock()
        # The first look at the file prepares the connection; the count itself means nothing yet.
        self.mark()

    def mark(self) -> Mark:
        try:
            with self._lock:
                found = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return _NEVER
        return float(found[0])

    def since(self, mark: Mark) -> bool:
        return mark == _NEVER or self.mark() != mark

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            self._connection.close()


class BoundedAge:
    """For databases that cannot be watched: anything older than ``BELIEF_S`` may be out of date."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock

    def mark(self) -> Mark:
        return self._clock()

    def since(self, mark: Mark) -> bool:
        return self._clock() - mark > BELIEF_S


def changes_of(engine: Engine) -> SqliteChanges | BoundedAge:
    """The watch that fits the database."""
    if engine.dialect.name == "sqlite" and engine.url.database:
        return SqliteChanges(engine.url.database)
    return BoundedAge()
