"""The audit log as files: JSON lines for programs, CSV for spreadsheets."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Final

from runtime.audit import AuditEntry

HEADER: Final = ("position", "at", "actor_kind", "actor", "action", "subject", "details", "hash")
# What spreadsheets take for the beginning of a formula, or strip before looking for one.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class Format(StrEnum):
    """How an export is spelled."""

    JSONL = "jsonl"
    CSV = "csv"


def lines(entries: Iterable[AuditEntry], spelled: Format) -> Iterator[str]:
    """The export, line by line; CSV begins with a header."""
    return _SPELLINGS[spelled](entries)


def _jsonl(entries: Iterable[AuditEntry]) -> Iterator[str]:
    for entry in entries:
        fields = dict(zip(HEADER, (*_texts(entry), entry.details, entry.hash), strict=True))
        yield json.dumps(fields | {"position": entry.position}, ensure_ascii=False) + "\n"


def _csv(entries: Iterable[AuditEntry]) -> Iterator[str]:
    yield _row(HEADER)
    for entry in entries:
        details = json.dumps(entry.details, ensure_ascii=False)
        yield _row(_harmless(text) for text in (*_texts(entry), details, entry.hash or ""))


def _texts(entry: AuditEntry) -> tuple[str, ...]:
    actor = entry.actor
    return (
        str(entry.position),
        entry.at.isoformat(),
        actor.kind.value,
        actor.name,
        entry.action,
        entry.subject,
    )


def _harmless(text: str) -> str:
    """The text, never a formula: an apostrophe goes before what could begin one."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


_SPELLINGS: Final[dict[Format, Callable[[Iterable[AuditEntry]], Iterator[str]]]] = {
    Format.JSONL: _jsonl,
    Format.CSV: _csv,
}
