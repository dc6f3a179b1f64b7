"""GET /v1/stream: tells SDKs within about a second that their ruleset has a new revision.

A separate small ASGI process: a thousand idle streams would use up every thread of the web process. A
notice carries only the revision; the SDK then asks for the ruleset as always, so that a lost notice costs
no more than one poll interval.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from flags import metrics, queries
from flags.model import SdkAccess
from flags.web.subscribers import Subscriber, Subscribers, announce
from runtime.database import Database
from runtime.errors import Unauthenticated

log = logging.getLogger("pointsman.stream")

LOOK_EVERY_S: Final = 1.0
HEARTBEAT_S: Final = 15.0
_BEARER: Final = "Bearer "
_NEVER: Final = -1
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class StreamServer:
    """The stream of one process: its subscribers, and the one task that watches revisions for all of them."""

    def __init__(self, database: Database, *, look_every_s: float, heartbeat_s: float) -> None:
        self._database = database
        self._look_every_s = look_every_s
        self._heartbeat_s = heartbeat_s
        self.subscribers = Subscribers()

    async def stream(self, request: Request) -> Response:
        """Server-sent events: ``event: revision``, the revision as id, ``{"revision": 7}`` as data."""
        header = request.headers.get("authorization", "")
        secret = header[len(_BEARER) :].strip() if header.startswith(_BEARER) else None
        try:
            access = await asyncio.to_thread(self._access, secret)
        except Unauthenticated as error:
            return JSONResponse(
                {"error": {"code": error.code, "message": str(error)}}, 401, {"WWW-Authenticate": "Bearer"}
            )
        known = _last_event_id(request.headers.get("last-event-id", ""))
        return StreamingResponse(self._events(access, known), 200, _HEADERS, "text/event-stream")

    async def watch(self) -> None:
        """Look at the revisions for ever; a failed look is counted and tried again."""
        while True:
            if self.subscribers:
                await self._look()
            await asyncio.sleep(self._look_every_s)

    async def _look(self) -> None:
        # Only those who were here before the look: what it reads may be older than what a newcomer knows.
        listening = self.subscribers.listening()
        try:
            revisions = await asyncio.to_thread(self._revisions)
        except SQLAlchemyError as error:
            metrics.WATCH_ERRORS.inc()
            log.warning("cannot read the revisions, will look again: %s", error)
            return
        announce(listening, revisions)

    async def _events(self, access: SdkAccess, known: int) -> AsyncIterator[str]:
        current = access.ruleset.revision
        subscriber = Subscriber(access.key_id, current)
        with self.subscribers.joined(subscriber):
            # What was committed between the SDK's last poll and this moment would otherwise go unnoticed.
            yield _notice(current) if known != current else ": connected\n\n"
            while True:
                try:
                    revision = await subscriber.next(self._heartbeat_s)
                except TimeoutError:
                    yield ": heartbeat\n\n"
                    continue
                if revision is None:
                    return
                yield _notice(revision)

    def _access(self, secret: str | None) -> SdkAccess:
        with self._database.reading() as session:
            return queries.authenticate(session, secret)

    def _revisions(self) -> dict[int, int]:
        with self._database.reading() as session:
            return queries.live_revisions(session)


def create_stream(
    database: Database, *, look_every_s: float = LOOK_EVERY_S, heartbeat_s: float = HEARTBEAT_S
) -> Starlette:
    """The ASGI application. The database is the caller's to close."""
    server = StreamServer(database, look_every_s=look_every_s, heartbeat_s=heartbeat_s)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        watcher = asyncio.create_task(server.watch())
        try:
            yield
        finally:
            watcher.cancel()
            server.subscribers.close()

    routes = [Route("/v1/stream", server.stream), Route("/healthz", _healthy)]
    return Starlette(routes=routes, lifespan=lifespan)


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("ok")


def _notice(revision: int) -> str:
    metrics.NOTICES.inc()
    return f'event: revision\nid: {revision}\ndata: {{"revision":{revision}}}\n\n'


def _last_event_id(text: str) -> int:
    """The revision the client says it has; anything else counts as none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else _NEVER
