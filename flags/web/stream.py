"""GET /v1/stream and the streams of OFREP and GrowthBook: clients learn within about a second what is new.

A separate small ASGI process: a thousand idle streams would use up every thread of the web process. A
notice carries only the revision; the client then asks as always, so that a lost notice costs no more than
one poll interval.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol, TypeAlias

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from flags import metrics, queries
from flags.model import SdkAccess
from flags.publisher import Publisher, caches_for
from flags.tickets import key_of_ticket
from flags.web.nudges import Nudges
from flags.web.protocols.growthbook import STREAM as GROWTHBOOK_PATH
from flags.web.protocols.growthbook import refuse_hidden
from flags.web.protocols.growthbook_notices import FeatureNotices, features_of
from flags.web.stream_url import STREAM_PATH
from flags.web.subscribers import MOST_PER_KEY, MOST_STREAMS, Full, Subscriber, Subscribers, announce
from runtime.changes import BELIEF_S
from runtime.database import Database
from runtime.errors import Forbidden, PointsmanError, TooMany, Unauthenticated

log = logging.getLogger("pointsman.stream")

LOOK_EVERY_S: Final = 1.0
HEARTBEAT_S: Final = 15.0
_RETRY_MS: Final = 3_000
_BEARER: Final = "Bearer "
_NEVER: Final = -1
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_ANY_SITE: Final = {"Access-Control-Allow-Origin": "*"}
_STATUS: Final[dict[type[PointsmanError], int]] = {
    Unauthenticated: 401,
    Forbidden: 403,
    TooMany: 429,
    Full: 503,
}

Notice: TypeAlias = Callable[[SdkAccess, int], Awaitable[str]]
"""The event that tells a listener of a revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """How often and how much, for one process."""

    look_every_s: float = LOOK_EVERY_S
    heartbeat_s: float = HEARTBEAT_S
    most_streams: int = MOST_STREAMS
    most_per_key: int = MOST_PER_KEY


class StreamSource(Protocol):
    """Where a stream server learns who may listen, and what is new. Its methods may wait."""

    @property
    def settle_s(self) -> float:
        """How long after a look everybody who asks gets what is new."""
        ...

    def access(self, secret: str | None) -> SdkAccess:
        """What a key opens. Unauthenticated."""
        ...

    def access_by(self, ticket: str) -> SdkAccess:
        """What the key behind a ticket opens. Unauthenticated."""
        ...

    def revisions(self) -> dict[int, int]:
        """The revision each live key's environment is at."""
        ...


class DatabaseSource:
    """The server's own."""

    def __init__(self, database: Database, signing_key: str) -> None:
        self._database, self._signing_key = database, signing_key
        # Web processes may believe an older revision for so long (ADR 6): who is told at once would be told
        # "nothing new" when it asks.
        self.settle_s = 0.0 if database.engine.dialect.name == "sqlite" else BELIEF_S

    def access(self, secret: str | None) -> SdkAccess:
        with self._database.reading() as session:
            return queries.authenticate(session, secret)

    def access_by(self, ticket: str) -> SdkAccess:
        key_id = key_of_ticket(self._signing_key, ticket, now=datetime.now(UTC))
        with self._database.reading() as session:
            return queries.access_of_key(session, key_id)

    def revisions(self) -> dict[int, int]:
        with self._database.reading() as session:
            return queries.live_revisions(session)


class StreamServer:
    """The stream of one process: its subscribers, and the one task that watches revisions for all of them."""

    def __init__(self, source: StreamSource, nudges: Nudges, limits: StreamLimits) -> None:
        self._source, self._nudges, self._limits = source, nudges, limits
        self.subscribers = Subscribers(most=limits.most_streams, most_per_key=limits.most_per_key)

    async def stream(self, request: Request) -> Response:
        """Server-sent events: ``event: revision``, the revision as id, ``{"revision": 7}`` as data."""
        header = request.headers.get("authorization", "")
        secret = header[len(_BEARER) :].strip() if header.startswith(_BEARER) else None
        return await self._open(request, lambda: self._source.access(secret), _revision_notice, {})

    async def ofrep_stream(self, request: Request) -> Response:
        """The same for OFREP: ``{"type": "refetchEvaluation", "etag": "7"}``; a ticket says who asks."""
        ticket = request.query_params.get("ticket", "")
        return await self._open(request, lambda: self._source.access_by(ticket), _refetch_notice, _ANY_SITE)

    def growthbook(
        self, notices: FeatureNotices, environments: frozenset[str]
    ) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of GrowthBook's stream: ``event: features``, the payload as data; the key in the path.

        ``environments``: ``project/environment`` opted in; keys of others are refused.
        """

        def access(secret: str) -> SdkAccess:
            found = self._source.access(secret)
            refuse_hidden(found, environments)
            return found

        async def endpoint(request: Request) -> Response:
            secret = request.path_params["key"]
            return await self._open(request, lambda: access(secret), notices.of, _ANY_SITE)

        return endpoint

    async def watch(self) -> None:
        """Look at the revisions for ever; a failed look is counted and tried again."""
        while True:
            if self.subscribers:
                await self._look()
            await self._nudges.wait(self._limits.look_every_s)

    async def _open(
        self,
        request: Request,
        access_of: Callable[[], SdkAccess],
        notice: Notice,
        headers: dict[str, str],
    ) -> Response:
        try:
            access = await asyncio.to_thread(access_of)
            self.subscribers.admit(access.key_id)
        except (Unauthenticated, Forbidden, TooMany, Full) as error:
            return _refusal(error, headers)
        known = _last_event_id(request.headers.get("last-event-id", ""))
        events = self._events(access, known, notice)
        return StreamingResponse(events, 200, _HEADERS | headers, "text/event-stream")

    async def _look(self) -> None:
        # Only those who were here before the look: what it reads may be older than what a newcomer knows.
        listening = self.subscribers.listening()
        try:
            revisions = await asyncio.to_thread(self._source.revisions)
        except SQLAlchemyError as error:
            metrics.WATCH_ERRORS.inc()
            log.warning("cannot read the revisions, will look again: %s", error)
            return
        if self._source.settle_s and any(revisions.get(each.key_id) != each.revision for each in listening):
            await asyncio.sleep(self._source.settle_s)
        announce(listening, revisions)

    async def _events(self, access: SdkAccess, known: int, notice: Notice) -> AsyncIterator[str]:
        current = access.ruleset.revision
        subscriber = Subscriber(access.key_id, current)
        with self.subscribers.joined(subscriber):
            # What was committed between the SDK's last poll and this moment would otherwise go unnoticed.
            first = await _counted(notice, access, current) if known != current else ": connected\n\n"
            yield f"retry: {_RETRY_MS}\n{first}"
            while True:
                try:
                    revision = await subscriber.next(self._limits.heartbeat_s)
                except TimeoutError:
                    yield ": heartbeat\n\n"
                    continue
                if revision is None:
                    return
                yield await _counted(notice, access, revision)


def create_stream(
    database: Database,
    *,
    signing_key: str,
    redis_url: str | None = None,
    growthbook: frozenset[str] = frozenset(),
    limits: StreamLimits | None = None,
) -> Starlette:
    """The ASGI application. The database is the caller's to close.

    ``growthbook``: environments, as ``project/environment``, whose rules GrowthBook's SDKs may read.
    """
    nudges = Nudges(redis_url)
    notices = FeatureNotices(features_of(database, Publisher(caches_for(redis_url))))
    server = StreamServer(DatabaseSource(database, signing_key), nudges, limits or StreamLimits())

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(server.watch()), asyncio.create_task(nudges.listen())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            server.subscribers.close()

    routes = [
        Route("/v1/stream", server.stream),
        Route(STREAM_PATH, server.ofrep_stream),
        Route(f"{GROWTHBOOK_PATH}{{key}}", server.growthbook(notices, growthbook)),
        Route("/healthz", _healthy),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("ok")


def _refusal(error: Unauthenticated | Forbidden | TooMany | Full, headers: dict[str, str]) -> Response:
    if isinstance(error, Unauthenticated):
        headers = {**headers, "WWW-Authenticate": "Bearer"}
    elif not isinstance(error, Forbidden):
        headers = {**headers, "Retry-After": str(error.retry_after_s)}
    body = {"error": {"code": error.code, "message": str(error)}}
    return JSONResponse(body, _STATUS[type(error)], headers)


async def _counted(notice: Notice, access: SdkAccess, revision: int) -> str:
    metrics.NOTICES.inc()
    return await notice(access, revision)


async def _revision_notice(_access: SdkAccess, revision: int) -> str:
    return f'event: revision\nid: {revision}\ndata: {{"revision":{revision}}}\n\n'


async def _refetch_notice(_access: SdkAccess, revision: int) -> str:
    return f'event: message\nid: {revision}\ndata: {{"type":"refetchEvaluation","etag":"{revision}"}}\n\n'


def _last_event_id(text: str) -> int:
    """The revision the client says it has; anything else counts as none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else _NEVER
