"""Units this process exposed lately: what covers them while their exposures are still on the way.

When a sticky flag's rules change, the server keeps everybody who is enrolled. An exposure that was still on
its way then is enrolled a moment too late; until the server tells, the process that exposed it remembers.
"""

from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Final

GENERATION_S: Final = 60.0
_MOST: Final = 50_000


class RecentUnits(Mapping[str, str]):
    """The variants one flag's units met in the last one to two minutes; at most 100,000 units.

    Threads may share it: every step is one operation on a dict. What a race loses is the memory of a unit.
    """

    __slots__ = ("_before", "_now", "_pinned", "_since")

    def __init__(self) -> None:
        self._now: dict[str, str] = {}
        self._before: dict[str, str] = {}
        self._pinned: dict[str, str] = {}
        self._since = monotonic()

    def __getitem__(self, unit: str) -> str:
        for known in (self._pinned, self._now):
            if unit in known:
                return known[unit]
        return self._before[unit]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._before, **self._now, **self._pinned})

    def __len__(self) -> int:
        return len({**self._before, **self._now, **self._pinned})

    def note(self, unit: str, variant: str) -> None:
        """The unit met this variant; the first one within memory stays."""
        now = monotonic()
        if now - self._since > GENERATION_S or len(self._now) >= _MOST:
            self._before, self._now = self._now, {}
            self._since = now
        if unit not in self:
            self._now[unit] = variant

    def pin(self, variants: Mapping[str, str]) -> None:
        """The server says so of these units: they stay until the process ends or 100,000 others came."""
        pinned = self._pinned if len(self._pinned) + len(variants) <= 2 * _MOST else {}
        self._pinned = {**pinned, **variants}

    def forget(self) -> None:
        """Nobody is remembered any more."""
        self._now, self._before, self._pinned = {}, {}, {}
