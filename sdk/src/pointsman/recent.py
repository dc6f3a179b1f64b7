"""Units this process exposed lately: what covers them while their exposures are still on the way.

When a sticky flag's rules change, the server keeps everybody who is enrolled. An exposure that was still on its
way then is enrolled a moment too late; until the server has told, the process that exposed the unit remembers.
"""

from time import monotonic
from typing import Final

GENERATION_S: Final = 60.0
_MOST: Final = 50_000


class RecentUnits:
    """The variants one flag's units met in the last one to two minutes; at most 100,000 units.

    Threads may share it: every step is a single operation on a dict. What a race loses is a memory of one unit.
    """

    __slots__ = ("_before", "_now", "_since")

    def __init__(self) -> None:
        self._now: dict[str, str] = {}
        self._before: dict[str, str] = {}
        self._since = monotonic()

    def get(self, unit: str) -> str | None:
        """The variant the unit met; None: not lately."""
        return self._now.get(unit) or self._before.get(unit)

    def note(self, unit: str, variant: str) -> None:
        """The unit met this variant; the first one within memory stays."""
        now = monotonic()
        if now - self._since > GENERATION_S or len(self._now) >= _MOST:
            self._before, self._now = self._now, {}
            self._since = now
        if self.get(unit) is None:
            self._now[unit] = variant

    def forget(self) -> None:
        """Nobody is remembered any more."""
        self._now, self._before = {}, {}
