"""How often each variant was chosen in this process: for telling flags nobody asks for any more."""

from collections.abc import Mapping
from typing import Final

from pointsman.core.choice import Choice

MOST_PAIRS: Final = 1_000
"""Flags with their variants told in one batch; the rest is told with the next."""

Told = Mapping[str, Mapping[str, int]]


class Usage:
    """Counts by flag and variant. ``counts`` is added to by whoever evaluates, without any lock: two threads
    in the same instant may count once; never is more counted than happened.
    """

    __slots__ = ("_told", "counts")

    def __init__(self) -> None:
        self.counts: Final[dict[str, dict[str, int]]] = {}
        self._told: Final[dict[tuple[str, str], int]] = {}

    def first(self, choice: Choice) -> None:
        """Count a choice whose flag or variant may be new. Errors are no evaluations."""
        if choice.error is None and choice.variant is not None:
            variants = self.counts.setdefault(choice.flag, {})
            variants[choice.variant] = variants.get(choice.variant, 0) + 1

    @property
    def has_news(self) -> bool:
        """Whether anything has come since it was last told."""
        counted = sum(sum(variants.copy().values()) for variants in self.counts.copy().values())
        return counted > sum(self._told.values())

    def take(self) -> Told:
        """What has come since it was last asked for. For the background thread alone."""
        taken: dict[str, dict[str, int]] = {}
        pairs = 0
        for flag, variants in self.counts.copy().items():
            for variant, count in variants.copy().items():
                fresh = count - self._told.get((flag, variant), 0)
                if fresh > 0 and pairs < MOST_PAIRS:
                    taken.setdefault(flag, {})[variant] = fresh
                    self._told[flag, variant] = count
                    pairs += 1
        return taken
