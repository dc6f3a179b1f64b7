"""Where code names flags: which keys it mentions, which it never does, which it asks for that nobody knows.

Time grows with the size of the code alone, whatever the number of keys; memory holds one file at a time.
"""

import os
import re
import stat
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 1_000_000
SKIPPED: Final = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".tox", ".mypy_cache", ".ruff_cache"}
)
_LOOKED_AT_FOR_NUL: Final = 8_192
# Runs of what keys are made of. A key is a word where dots or the run's ends stand around it.
_RUN: Final = re.compile(r"[A-Za-z0-9._-]+")
_CALL: Final = re.compile(r"""\bvariant\(\s{0,200}(["'])([^"'\\\n]{1,200})\1""")


class Found(StrEnum):
    """What a place in the code is."""

    REFERENCE = "reference"
    UNKNOWN = "unknown"
    """``variant("…")`` with a key that no flag has."""


@dataclass(frozen=True, slots=True)
class Place:
    """One mention; lines count from 1."""

    found: Found
    file: str
    line: int
    key: str


class Keys:
    """The keys to look for."""

    def __init__(self, keys: frozenset[str]) -> None:
        self._keys = keys
        self._parts = 1 + max((key.count(".") for key in keys), default=0)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def mentioned(self, run: str) -> Iterator[str]:
        """The keys that are words of the run: ``ranker`` is one of ``x.ranker.fit``, not of ``ranker-v2``."""
        parts = run.split(".")
        for start in range(len(parts)):
            for end in range(start + 1, min(len(parts), start + self._parts) + 1):
                word = ".".join(parts[start:end])
                if word in self._keys:
                    yield word


def files_under(path: Path) -> Iterator[Path]:
    """Regular files that may be code, in order; links are not followed, so that loops cannot be."""
    if path.is_file():
        yield path
        return
    for folder, names, files in os.walk(path, followlinks=False):
        names[:] = sorted(name for name in names if name not in SKIPPED)
        for name in sorted(files):
            file = Path(folder, name)
            try:
                found = file.lstat()
            except OSError:
                continue  # it went away while we walked
            if stat.S_ISREG(found.st_mode) and found.st_size <= MOST_BYTES:
                yield file


def read_code(file: Path) -> str | None:
    """The file's text; None: it is binary, too large, or may not be read."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError:
        return None
    if len(content) > MOST_BYTES or b"\0" in content[:_LOOKED_AT_FOR_NUL]:
        return None
    return content.decode("utf-8", "replace")


def places_in(text: str, file: str, keys: Keys) -> Iterator[Place]:
    """Every mention, one for each key and line, then the calls with unknown keys. Pure."""
    ends = [match.start() for match in re.finditer("\n", text)]
    seen: set[tuple[int, str]] = set()
    for run in _RUN.finditer(text):
        for key in keys.mentioned(run.group()):
            line = bisect_right(ends, run.start()) + 1
            if (line, key) not in seen:
                seen.add((line, key))
                yield Place(Found.REFERENCE, file, line, key)
    for call in _CALL.finditer(text):
        if call.group(2) not in keys:
            yield Place(Found.UNKNOWN, file, bisect_right(ends, call.start()) + 1, call.group(2))
