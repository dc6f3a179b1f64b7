"""Flags kept as the text they were read from, each made again when first used.

An application uses few of its project's flags. 10,000 of them as objects are a quarter of a million things
for the host's garbage collector to walk over: each full collection is a pause of a tenth of a second and
more. As text they are nothing to it, and take a tenth of the memory.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from pointsman.core.flag_codec import read_flag
from pointsman.core.model import Flag
from pointsman.core.strict_json import scan


class FlagTexts(Mapping[str, Flag]):
    """By key, flags whose texts were all read without fault before. Threads may share it.

    ``tied`` are those that name something outside themselves, or are sticky: what looks at such things
    need not make the others.
    """

    __slots__ = ("_made", "_texts", "tied")

    def __init__(self, texts: dict[str, str], tied: dict[str, Flag], former: "FlagTexts | None") -> None:
        """Flags made from the very same text object in ``former`` are taken over."""
        self._texts: Final = texts
        self.tied: Final = tied
        self._made: Final = dict(tied)
        if former is not None:
            before = former._texts
            for key, flag in former._made.copy().items():
                if texts.get(key) is before[key]:
                    self._made[key] = flag

    def __getitem__(self, key: str) -> Flag:
        found = self._made.get(key)
        if found is None:
            # Two threads that make it at once make equal ones; both go on with the first.
            found = self._made.setdefault(key, read_flag(key, scan(self._texts[key], 0)[0]))
        return found

    def __contains__(self, key: object) -> bool:
        return key in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def text(self, key: str) -> str | None:
        """The flag as it was spelled."""
        return self._texts.get(key)


def tied_flags(flags: Mapping[str, Flag]) -> Mapping[str, Flag]:
    """At least those that are sticky or name other flags, segments or unit sets."""
    return flags.tied if isinstance(flags, FlagTexts) else flags
