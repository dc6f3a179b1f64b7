"""Documents of other vendors' forms, written once for each ruleset."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final, TypeAlias

from flags.model import RulesetId
from runtime.web.hot import NeedsThread

# A process that serves more than this writes the least used ones again.
_MOST_BYTES: Final = 32 * 1024 * 1024

Write: TypeAlias = Callable[[], bytes]
Written: TypeAlias = Callable[[RulesetId, Write], bytes]
"""The document of a ruleset. NeedsThread: not without writing it, and this one never does."""


class Rendered:
    """The documents of one form. One for a process, shared by its threads."""

    def __init__(self, *, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[RulesetId, bytes] = OrderedDict()
        self._lock, self._writing = Lock(), Lock()

    def at_hand(self, ruleset_id: RulesetId, _write: Write) -> bytes:
        """The document, if it was written already. NeedsThread."""
        with self._lock:
            found = self._kept.get(ruleset_id)
            if found is None:
                raise NeedsThread
            self._kept.move_to_end(ruleset_id)
            return found

    def of(self, ruleset_id: RulesetId, write: Write) -> bytes:
        """The document, written now if need be: of many that ask at once one writes it."""
        try:
            return self.at_hand(ruleset_id, write)
        except NeedsThread:
            pass
        with self._writing:
            try:
                return self.at_hand(ruleset_id, write)
            except NeedsThread:
                return self._keep(ruleset_id, write())

    def _keep(self, ruleset_id: RulesetId, body: bytes) -> bytes:
        with self._lock:
            self._kept[ruleset_id] = body
            self._bytes += len(body)
            while len(self._kept) > 1 and self._bytes > self._most_bytes:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return body
