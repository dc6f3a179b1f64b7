"""The relay as one ASGI application in one process: copy, spool, answers and streams."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from experiments.events.batch import MOST_BYTES
from flags.web.nudges import Nudges
from flags.web.stream import StreamLimits, StreamServer
from relay.forwarder import Forwarder
from relay.lock import held_alone
from relay.mirror import Mirror
from relay.routes import relay_routes
from relay.settings import RelaySettings
from relay.source import RelaySource
from relay.spool import Spool
from runtime.orphans import end_with_parent
from runtime.web.errors import body as error_body
from runtime.web.hot import HotRequest, HotRoutes, answer_at_once, answer_hot

_MOST_BODY: Final = MOST_BYTES + 100_000
_BODY_WITHIN_S: Final = 15.0
_MOST_BUFFERED: Final = 64_000_000
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_LOOK_EVERY_S: Final = 0.1


class Relay:
    """The parts of one relay. OSError, Invalid: the data directory or the keys cannot be used."""

    def __init__(self, settings: RelaySettings) -> None:
        keys = settings.keys()
        self.mirror = Mirror(settings.address, settings.key, settings.data_dir, poll_s=settings.poll_s)
        self.spool = Spool(settings.data_dir / "spool", most_bytes=settings.spool_bytes)
        self.forwarder = Forwarder(settings.address, settings.key, self.spool)
        source = RelaySource(self.mirror, keys)
        self._nudges = Nudges(None)
        self.streams = StreamServer(source, self._nudges, StreamLimits(look_every_s=_LOOK_EVERY_S))
        self._routes: HotRoutes = relay_routes(self.mirror, source, keys, self.spool)
        self._buffered = 0

    async def answer(self, request: Request) -> Response:
        """Whatever is no stream."""
        path = request.scope["path"]
        route = self._routes.find(request.method, path)
        if route is None:
            known = any(self._routes.find(each, path) for each in _METHODS)
            status, code = (405, "method_not_allowed") if known else (404, "not_found")
            return JSONResponse(error_body(code, "a relay answers nothing here"), status)
        body = await self._body(request)
        if isinstance(body, Response):
            return body
        try:
            asked = _hot_request(request, path, body)
            answer = answer_at_once(route, asked)
            if answer is None:
                answer = await run_in_threadpool(answer_hot, route, asked)
        finally:
            self._buffered -= len(body)
        response = Response(answer.body, answer.status)
        response.raw_headers = [
            (name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in answer.headers
        ]
        return response

    async def _body(self, request: Request) -> bytes | Response:
        """The body, counted in ``_buffered``; an answer where it cannot be taken."""
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(_BODY_WITHIN_S):
                async for chunk in request.stream():
                    size += len(chunk)
                    self._buffered += len(chunk)
                    chunks.append(chunk)
                    if size > _MOST_BODY or self._buffered > _MOST_BUFFERED:
                        break
        except (TimeoutError, ClientDisconnect):
            self._buffered -= size
            return _refused(408, "request_timeout", f"the body was not here within {_BODY_WITHIN_S:g} s")
        if size > _MOST_BODY:
            self._buffered -= size
            return _refused(413, "request_entity_too_large", f"is over {_MOST_BODY} bytes; send less")
        if self._buffered > _MOST_BUFFERED:
            self._buffered -= size
            return _refused(503, "service_unavailable", "the relay is busy; try again in a moment")
        return b"".join(chunks)

    async def healthy(self, _request: Request) -> Response:
        """200 while the process answers at all."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """200 once there is a copy; says how it stands with the server above either way."""
        current = self.mirror.current
        told = {
            "status": "unavailable" if current is None else "ok",
            "revision": None if current is None else current.compiled.revision,
            "upstream": self.mirror.problem or "ok",
            "events": self.forwarder.problem or "ok",
            "spool": self.spool.measure(),
        }
        return JSONResponse(told, 503 if current is None else 200)

    async def metrics(self, _request: Request) -> Response:
        """Prometheus metrics of this process."""
        registry = CollectorRegistry()
        for name, value in self.spool.measure().items():
            Gauge(f"pointsman_relay_spool_{name}", "What the spool holds now", registry=registry).set(value)
        up = Gauge("pointsman_relay_upstream_up", "Whether the last poll was answered", registry=registry)
        up.set(self.mirror.problem is None)
        return Response(generate_latest() + generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @asynccontextmanager
    async def living(self, _app: Starlette) -> AsyncIterator[None]:
        """The threads and the watch over revisions, for as long as the application lives."""
        self.mirror.start()
        self.forwarder.start()
        watch = asyncio.create_task(self.streams.watch())
        try:
            yield
        finally:
            watch.cancel()
            self.streams.subscribers.close()
            self.forwarder.stop()
            self.mirror.stop()


def create_relay(settings: RelaySettings) -> Starlette:
    """The ASGI application."""
    relay = Relay(settings)
    routes = [
        Route("/v1/stream", relay.streams.stream),
        Route("/healthz", relay.healthy),
        Route("/readyz", relay.ready),
        Route("/metrics", relay.metrics),
        Route("/{path:path}", relay.answer, methods=_METHODS),
    ]
    return Starlette(routes=routes, lifespan=relay.living)


def from_environment() -> Starlette:
    """What the server process runs; the data directory is its alone from here on."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    end_with_parent()
    settings = RelaySettings.from_environment(os.environ)
    held_alone(settings.data_dir)
    return create_relay(settings)


def _hot_request(request: Request, path: str, body: bytes) -> HotRequest:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return HotRequest(method=request.method, path=path, query=request.url.query, headers=headers, body=body)


def _refused(status: int, code: str, problem: str) -> Response:
    headers = {"Connection": "close", "Retry-After": "2"} if status == 503 else {"Connection": "close"}
    return JSONResponse(error_body(code, problem, field="body"), status, headers)
