"""Bodies on their way in, on the event loop: bounded in size, in time, and in the room they take together."""

import asyncio
import json
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from runtime.web import errors, security
from runtime.web.wsgi import Answer, Headers, Proto

# Forms and batches as our SDK packs them are smaller; only what goes beyond can use up the room for bodies.
SMALL_BYTES: Final = 65_536
HEADERS: Final = [("Content-Type", "application/json"), *security.HEADERS.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one web process takes upon itself."""

    threads: int
    body_bytes: int
    body_within_s: float
    waiting: int = 256
    buffered_bytes: int = 24_000_000


@dataclass(slots=True)
class Body:
    """What came so far, in one piece: a list of two-byte chunks would take twenty times the room."""

    data: BytesIO = field(default_factory=BytesIO)
    size: int = 0
    counted: int = 0
    """Of which so many bytes count against the room for all."""


class Refused(Exception):
    """A request that no thread will see. Its connection ends: the rest of the body is not listened to."""

    def __init__(self, status: int, code: str, problem: str, *headers: tuple[str, str]) -> None:
        super().__init__(problem)
        self.answer = refusal(status, code, problem, ("Connection", "close"), *headers)


class Arrivals:
    """All bodies of one process that are on their way in, or still kept."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffered = 0

    async def receive(self, headers: Headers, proto: Proto, body: Body) -> None:
        """Wait for the body, if one is coming. Refused: too large, too slow, cut short, or no room for it."""
        length = int(headers.get("content-length", -1 if "transfer-encoding" in headers else 0))
        if length > self._limits.body_bytes:
            raise _too_large(self._limits.body_bytes)
        if length == 0:
            return
        try:
            async with asyncio.timeout(self._limits.body_within_s):
                whole = await self._gather(length, proto, body)
        except TimeoutError:
            problem = f"the body was not here within {self._limits.body_within_s:g} s; send it again"
            raise Refused(408, "request_timeout", problem) from None
        if not whole:
            raise Refused(400, "bad_request", "the body ended before its end; send it again")

    async def _gather(self, length: int, proto: Proto, body: Body) -> bool:
        """Whether the whole body came: ``length`` bytes, or (-1) as many as the client cared to send."""
        empty = 0
        async for chunk in proto:
            body.data.write(chunk)
            body.size += len(chunk)
            if body.size > self._limits.body_bytes:
                raise _too_large(self._limits.body_bytes)
            self._count(body)
            if body.size == length:
                return True
            empty += not chunk
        # The server ends every body with one empty chunk, and says by another that the connection broke.
        return length == -1 and empty == 1

    def _count(self, body: Body) -> None:
        beyond = max(0, body.size - SMALL_BYTES)
        self._buffered += beyond - body.counted
        body.counted = beyond
        if beyond and self._buffered > self._limits.buffered_bytes:
            raise busy()

    def release(self, body: Body) -> None:
        """Give back the room of a body that is dealt with."""
        self._buffered -= body.counted


def _too_large(most: int) -> Refused:
    return Refused(413, "request_entity_too_large", f"is over {most} bytes; send less")


def busy() -> Refused:
    """When there is no room or no thread left."""
    problem = "the server is busy; try again in a moment"
    return Refused(503, "service_unavailable", problem, ("Retry-After", "2"))


def refusal(status: int, code: str, problem: str, *headers: tuple[str, str]) -> Answer:
    """An error in the one JSON shape, with the headers of every answer."""
    details = {"field": "body"} if status in (400, 408, 413) else {}
    text = json.dumps(errors.body(code, problem, **details))
    return Answer(status=status, headers=[*HEADERS, *headers], body=text.encode())
