"""What SDK keys open, remembered between requests for as long as the database has not changed (ADR 6)."""

from typing import Final

from flags import queries
from flags.model import SdkAccess
from runtime.changes import Changes, Mark
from runtime.database import Database
from runtime.tokens import fingerprint

# More live keys than one process meets between two changes; beyond it starts afresh.
_MOST_KEYS: Final = 4_096


class Accesses:
    """One for a process, shared by its threads. Strangers are never remembered."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database, self._changes = database, changes
        self._known: dict[str, tuple[SdkAccess, Mark]] = {}

    def at_hand(self, secret: str) -> SdkAccess | None:
        """What the key opens, if that is surely still so; None: look it up. Never waits."""
        found = self._known.get(fingerprint(secret))
        if found is None:
            return None
        access, mark = found
        return None if self._changes.since(mark) else access

    def look_up(self, secret: str) -> SdkAccess:
        """What the key opens now. Unauthenticated: unknown or revoked."""
        # Before the query: what is committed while it runs makes its answer doubtful.
        mark = self._changes.mark()
        with self._database.reading() as session:
            access = queries.authenticate(session, secret)
        if len(self._known) >= _MOST_KEYS:
            self._known = {}
        self._known[fingerprint(secret)] = (access, mark)
        return access
