"""A request as granian hands it over, for tests without a server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any


class Headers:
    """Names in lower case, in the order they came; repeated ones stay apart."""

    def __init__(self, *items: tuple[str, str]) -> None:
        self._items = list(items)

    def items(self) -> list[tuple[str, str]]:
        return self._items

    def get(self, key: str, default: Any = None) -> Any:
        return next((value for name, value in self._items if name == key), default)

    def __contains__(self, key: str) -> bool:
        return any(name == key for name, _ in self._items)


@dataclass
class Scope:
    """The head of a request."""

    method: str = "GET"
    path: str = "/"
    query_string: str = ""
    http_version: str = "1.1"
    scheme: str = "http"
    server: str = "127.0.0.1:8000"
    client: str = "10.0.0.7:51000"
    authority: str | None = None
    headers: Any = field(default_factory=Headers)


@dataclass
class Proto:
    """What a client sends, then the empty chunk with which the server ends every body; what it is told."""

    chunks: tuple[bytes, ...] = ()
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in (*self.chunks, b""):
            yield chunk

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.answers.append((status, dict(headers), b""))

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answers.append((status, dict(headers), body))
