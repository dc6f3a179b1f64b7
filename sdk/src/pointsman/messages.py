"""A request to the server and its answer, apart from how they travel (which is slow to import)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``limit``: bytes the answer may have, packed or not."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer. ``body`` is unpacked; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
