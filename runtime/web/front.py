"""The door of a web process: an RSGI application in front of the WSGI one.

Bodies arrive on the event loop, bounded in size and time, and only then is a thread asked for: a thousand
phones that stall in the middle of a request cost memory for what they sent so far, and no thread.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final, TypeAlias

from prometheus_client import Counter

from runtime.web.arrival import HEADERS, Arrivals, Body, Limits, Refused, busy, refusal
from runtime.web.hot import HotRequest, HotRoutes, answer_at_once, answer_hot
from runtime.web.wsgi import Answer, Proto, Scope, answer_of, environ_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger("pointsman.web")

REFUSED: Final = Counter("pointsman_requests_refused_total", "Requests refused at the door", ["status"])
# Of the larger ones so many have a thread at a time: each takes several times its size there.
_LARGE_AT_ONCE: Final = 2
_TICK_S: Final = 0.05
_Serve: TypeAlias = Callable[[Scope, Body], Answer]
_HEALTHY: Final = Answer(status=200, headers=HEADERS, body=b'{"status":"ok"}\n')


class Front:
    """One per process; everything but ``_serve`` runs on the event loop."""

    def __init__(self, app: "WSGIApplication", limits: Limits, hot: HotRoutes | None = None) -> None:
        """``hot`` routes are answered here, every other request by ``app``."""
        self._app, self._limits, self._hot = app, limits, hot or HotRoutes()
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="web")
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        self._arrivals = Arrivals(limits)
        self._under_way = 0
        self._answered: deque[asyncio.Future[None]] = deque()
        self._tick: asyncio.TimerHandle | None = None

    async def __rsgi__(self, scope: Scope, proto: Proto) -> None:
        """Answer one request; called by the server."""
        self._settle()
        body = Body()
        try:
            if scope.path == "/healthz" and scope.method in ("GET", "HEAD"):
                _HEALTHY.send(proto)
                return
            await self._arrivals.receive(scope.headers, proto, body)
            serve = self._serving(scope, body)
            if isinstance(serve, Answer):
                serve.send(proto)
                return
            async with self._large if body.counted else nullcontext():
                await self._dispatch(serve, scope, proto, body)
        except Refused as refused:
            REFUSED.labels(refused.answer.status).inc()
            refused.answer.send(proto)
        finally:
            self._arrivals.release(body)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called by the server once nobody is connected any more."""
        self._pool.shutdown()
        self._settle()
        loop.run_until_complete(asyncio.sleep(0))

    def _serving(self, scope: Scope, body: Body) -> "Answer | _Serve":
        """The answer, where it takes no waiting; else what makes it on a thread."""
        route = self._hot.find(scope.method, scope.path)
        if route is None:
            return self._by_flask
        request = _hot_request(scope, body)
        answer = None if body.counted else answer_at_once(route, request)
        return (lambda _scope, _body: answer_hot(route, request)) if answer is None else answer

    def _by_flask(self, scope: Scope, body: Body) -> Answer:
        body.data.seek(0)
        return answer_of(self._app, environ_of(scope, body.data, body.size))

    async def _dispatch(self, serve: "_Serve", scope: Scope, proto: Proto, body: Body) -> None:
        """Let a thread answer."""
        if self._under_way >= self._limits.threads + self._limits.waiting:
            raise busy()
        answered = asyncio.get_running_loop().create_future()
        self._pool.submit(self._serve, serve, scope, proto, body, answered)
        self._under_way += 1
        if self._tick is None:
            self._next_tick()
        try:
            await answered
        finally:
            self._under_way -= 1

    def _serve(
        self,
        serve: "_Serve",
        scope: Scope,
        proto: Proto,
        body: Body,
        answered: "asyncio.Future[None]",
    ) -> None:
        try:
            serve(scope, body).send(proto)
        except Exception:
            log.exception("%s %r failed", scope.method, scope.path)
            refusal(500, "internal_server_error", "the server failed; its log says why").send(proto)
        finally:
            self._answered.append(answered)
            if body.counted:
                answered.get_loop().call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        """Forget requests that are answered.

        Nobody waits for this. So a thread need not wake the loop when it has answered, which would cost a
        sixth of a short request.
        """
        while self._answered:
            answered = self._answered.popleft()
            if not answered.done():  # it is where the server gave the request up meanwhile
                answered.set_result(None)

    def _next_tick(self) -> None:
        self._settle()
        later = asyncio.get_running_loop().call_later
        self._tick = later(_TICK_S, self._next_tick) if self._under_way else None


def _hot_request(scope: Scope, body: Body) -> HotRequest:
    headers: dict[str, str] = {}
    for name, value in scope.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return HotRequest(
        method=scope.method,
        path=scope.path,
        query=scope.query_string,
        headers=headers,
        body=body.data.getvalue() if body.size else b"",
    )
