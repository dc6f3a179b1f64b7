"""Hot routes: pure handlers that answer with or without Flask.

The front serves them straight from the event loop where everything needed is in memory, else from a thread.
The same handlers are reachable through Flask (see ``hot_flask``), which also answers every method that a hot
route does not know.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from runtime.errors import PointsmanError, TooMany, Unauthenticated
from runtime.web import errors, security
from runtime.web.wsgi import Answer

log = logging.getLogger("pointsman.web")

_BEARER: Final = "Bearer "
_SAFE: Final = list(security.HEADERS.items())
_JSON: Final = ("Content-Type", "application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class HotRequest:
    """A request that has arrived whole. ``headers``: names in lower case, repeated ones joined by commas."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def bearer(self) -> str | None:
        """The secret in the Authorization header, if there is one."""
        header = self.headers.get("authorization", "")
        return header[len(_BEARER) :].strip() if header.startswith(_BEARER) else None


class NeedsThread(Exception):
    """Not everything is in memory: the handler has to wait for something, so it must run on a thread."""


Handler: TypeAlias = Callable[[HotRequest], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class HotRoute:
    """One address; one that ends with a slash stands for everything below it."""

    name: str
    path: str
    methods: tuple[str, ...]
    handle: Handler
    """May wait. Errors of our own tree become answers; others are logged and become a 500."""
    at_once: Handler | None = None
    """The same, but never waits. NeedsThread: only ``handle`` can answer this."""
    refuse: Callable[[PointsmanError], Answer] | None = None
    """How this address words errors; None: in the one JSON shape of all others."""


class HotRoutes:
    """The hot routes of a process, found by method and path."""

    def __init__(self, routes: Iterable[HotRoute] = ()) -> None:
        self.all: Final = tuple(routes)
        self._below = [each for each in self.all if each.path.endswith("/")]
        exact = [each for each in self.all if not each.path.endswith("/")]
        self._exact = {(method, each.path): each for each in exact for method in _methods(each)}

    def find(self, method: str, path: str) -> HotRoute | None:
        """The route that answers; None: Flask does."""
        found = self._exact.get((method, path))
        if found is None:
            for each in self._below:
                if path.startswith(each.path) and len(path) > len(each.path) and method in _methods(each):
                    return each
        return found


def answer_at_once(route: HotRoute, request: HotRequest) -> Answer | None:
    """What the route answers without waiting; None: it takes a thread."""
    if route.at_once is None:
        return None
    try:
        return _answered(route, route.at_once, request)
    except NeedsThread:
        return None


def answer_hot(route: HotRoute, request: HotRequest) -> Answer:
    """What the route answers, ready to send; never raises."""
    return _answered(route, route.handle, request)


def answer_json(status: int, body: Mapping[str, Any], *headers: tuple[str, str]) -> Answer:
    """JSON as all our answers spell it."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Answer(status=status, headers=[_JSON, *headers], body=text.encode() + b"\n")


def refusal(error: PointsmanError) -> Answer:
    """An error of our own tree in the one JSON shape."""
    headers = [("WWW-Authenticate", "Bearer")] if isinstance(error, Unauthenticated) else []
    headers += [("Retry-After", str(error.retry_after_s))] if isinstance(error, TooMany) else []
    body = errors.body(error.code, str(error), **error.details())
    return answer_json(errors.status_of(error), body, *headers)


def _answered(route: HotRoute, handler: Handler, request: HotRequest) -> Answer:
    try:
        answer = handler(request)
    except NeedsThread:
        raise
    except PointsmanError as error:
        answer = (route.refuse or refusal)(error)
    except Exception:
        log.exception("%s %r failed", request.method, request.path)
        answer = answer_json(500, errors.body("internal_server_error", "the server failed; its log says why"))
    return _finished(answer, request.method)


def _finished(answer: Answer, method: str) -> Answer:
    bodiless = answer.status in (204, 304)
    length = [] if bodiless else [("Content-Length", str(len(answer.body)))]
    body = b"" if bodiless or method == "HEAD" else answer.body
    return Answer(status=answer.status, headers=[*answer.headers, *_SAFE, *length], body=body)


def _methods(route: HotRoute) -> tuple[str, ...]:
    return (*route.methods, "HEAD") if "GET" in route.methods else route.methods
