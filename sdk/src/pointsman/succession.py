"""Which ruleset may follow which. PURE: the clock comes in as ``now``."""

from typing import Final

from pointsman.core.model import Ruleset

RESTORED_AFTER_S: Final = 60.0
_RESTORED_AFTER_ANSWERS: Final = 3


class Succession:
    """Revisions only rise, except when the past has really come back.

    A lower revision has two causes that want opposite answers. A lagging cache or replica serves an old
    ruleset for a moment: taking it would move units back and forth. A database restored from a backup
    counts on from its lower revision: refusing it for ever would disable every switch. They differ in
    time, so a lower revision is taken once nothing else has been offered for a minute and three answers.

    Another project or environment is another history: its revision says nothing, and it is taken at once.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._answers = 0

    def admits(self, held: Ruleset | None, offered: Ruleset, now: float) -> bool:
        """Whether the offered ruleset may replace the held one; ``now`` in seconds of a steady clock."""
        if held is None or _place(held) != _place(offered) or offered.revision >= held.revision:
            self.confirm()
            return True
        self._since = now if self._since is None else self._since
        self._answers += 1
        if self._answers < _RESTORED_AFTER_ANSWERS or now - self._since < RESTORED_AFTER_S:
            return False
        self.confirm()
        return True

    def confirm(self) -> None:
        """The server still serves the held ruleset, or a newer one."""
        self._since = None
        self._answers = 0


def _place(ruleset: Ruleset) -> tuple[str, str]:
    return ruleset.project, ruleset.environment
