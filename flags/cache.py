"""Where compiled rulesets are kept between requests.

Entries never change: they are found by a ruleset's id, and which id is current is read from SQL with every
request. So a cache can be empty, lost or down, but never out of date.
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Final, Protocol

from flags.model import RulesetId

_MEMORY_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRuleset:
    """A ruleset ready to send. ``etag`` is the strong tag's text, without quotes: hex SHA-256 of the body."""

    id: RulesetId
    body: bytes
    etag: str

    @property
    def revision(self) -> int:
        """The revision this body spells."""
        return self.id.revision


class CacheDown(Exception):
    """The cache cannot be reached, or holds something unreadable; whoever asks compiles from SQL instead."""


class RulesetCache(Protocol):
    """Keeps compiled rulesets by id. Safe to share between threads. Every store passes the same tests."""

    @property
    def tier(self) -> str:
        """Its name in the metrics."""
        ...

    def get(self, ruleset_id: RulesetId) -> CompiledRuleset | None:
        """What was put under this very id; None: not here (any more). CacheDown."""
        ...

    def put(self, compiled: CompiledRuleset) -> None:
        """Keep it as long as there is room. CacheDown."""
        ...


class MemoryRulesetCache:
    """In this process, up to ``most_bytes`` of bodies; the least recently used go first, the newest stays."""

    tier: Final = "memory"

    def __init__(self, *, most_bytes: int = _MEMORY_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[RulesetId, CompiledRuleset] = OrderedDict()
        self._lock = Lock()

    def get(self, ruleset_id: RulesetId) -> CompiledRuleset | None:
        with self._lock:
            found = self._kept.get(ruleset_id)
            if found is not None:
                self._kept.move_to_end(ruleset_id)
            return found

    def put(self, compiled: CompiledRuleset) -> None:
        with self._lock:
            former = self._kept.pop(compiled.id, None)
            self._bytes += len(compiled.body) - (0 if former is None else len(former.body))
            self._kept[compiled.id] = compiled
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= len(oldest.body)
