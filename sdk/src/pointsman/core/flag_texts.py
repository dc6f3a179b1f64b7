"""Flags kept as the text they were read from, each made again when it is asked for.

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

    ``tied`` are those that name something outside themselves, look at the time, or are sticky: what looks at
    such things need not make the others. The others are made anew each time, and kept by nobody: whoever
    uses one makes a function of it, once, and has no more use for it.
    """

    __slots__ = ("_texts", "tied")

    def __init__(self, texts: dict[str, str], tied: dict[str, Flag]) -> None:
        self._texts: Final = texts
        self.tied: Final = tied

    def __getitem__(self, key: str) -> Flag:
        found = self.tied.get(key)
        return read_flag(key, scan(self._texts[key], 0)[0]) if found is None else found

    def __contains__(self, key: object) -> bool:
        return key in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def is_same(self, key: str, former: "FlagTexts") -> bool:
        """Whether the flag is untied and its text the very one that it was before."""
        text = self._texts.get(key)
        return text is not None and key not in self.tied and text is former._texts.get(key)

    def text(self, key: str) -> str | None:
        """The flag as it was spelled."""
        return self._texts.get(key)


def tied_flags(flags: Mapping[str, Flag]) -> Mapping[str, Flag]:
    """At least those that are sticky or name other flags, segments or unit sets."""
    return flags.tied if isinstance(flags, FlagTexts) else flags
