"""The relay's addresses: the server's own handlers over the copy, unit sets, and the intake that spools."""

from dataclasses import replace
from threading import Lock
from time import time_ns
from typing import Final

from prometheus_client import Counter

from experiments.events.batch import Batch, TooLarge, judge, unpack
from flags.model import KeyKind
from flags.rates import Rates
from flags.web import delivery, ofrep
from flags.web.subscribers import Full
from relay.keys import RelayKeys
from relay.mirror import Mirror
from relay.source import RelaySource
from relay.spool import Reused, Spool, SpoolFull
from runtime.errors import Forbidden, Invalid, NotFound, PointsmanError
from runtime.web import hot
from runtime.web.errors import body as error_body
from runtime.web.hot import HotRequest, HotRoute, HotRoutes, answer_json
from runtime.web.wsgi import Answer

SPOOLED: Final = Counter("pointsman_relay_batches", "Batches of events taken in by this relay", ["result"])
# Unpacked and parsed, a batch takes 30 MB at worst, and one thread at a time can work on it anyway.
_JUDGING: Final = Lock()
_UNITS: Final = "/v1/units/"
# As the server says of them: a set never changes, and belongs to the holder of one key.
_FOR_GOOD: Final = [("Cache-Control", "private, max-age=31536000, immutable"), ("Vary", "Authorization")]


def relay_routes(mirror: Mirror, source: RelaySource, keys: RelayKeys, spool: Spool) -> HotRoutes:
    """Everything a relay answers but its streams."""
    protocol = ofrep.Ofrep(rates=Rates(0), stream_url=lambda _: None)

    def units(request: HotRequest) -> Answer:
        access = source.access(request.bearer)
        if access.kind is KeyKind.CLIENT:
            raise Forbidden("a client key may only evaluate; use a server key")
        digest = request.path.removeprefix(_UNITS)
        body = mirror.unit_set(digest)
        if body is None:
            raise NotFound("unit set", digest[:64])
        return Answer(
            status=200, headers=[("Content-Type", "application/octet-stream"), *_FOR_GOOD], body=body
        )

    def events(request: HotRequest) -> Answer:
        keys.find(request.bearer)
        return _take_in(spool, request)

    own = (
        HotRoute(name="unit_set", path=_UNITS, methods=("GET",), handle=units),
        HotRoute(name="events", path="/v1/events", methods=("POST",), handle=events),
    )
    every = (*delivery.routes_over(source, source), *ofrep.routes_over(source, source, protocol), *own)
    return HotRoutes(_refusing(each) for each in every)


def _take_in(spool: Spool, request: HotRequest) -> Answer:
    """Judge the batch as the server above will, keep it, and only then acknowledge it."""
    encoding = request.headers.get("content-encoding", "").strip().lower()
    with _JUDGING:
        batch = judge(unpack(request.body, encoding), received_us=time_ns() // 1000)
    new = spool.put(batch, request.body, encoding)
    SPOOLED.labels("stored" if new else "duplicate").inc()
    return answer_json(
        200,
        {
            "accepted": batch.size - len(batch.rejected),
            "batch": batch.id,
            "duplicate": not new,
            "results": _results(batch),
        },
    )


def _results(batch: Batch) -> list[str]:
    return [batch.rejected.get(index, "ok") for index in range(batch.size)]


def _refusing(route: HotRoute) -> HotRoute:
    """The route with the relay's own errors in the one JSON shape."""

    def refuse(error: PointsmanError) -> Answer:
        if isinstance(error, Full | SpoolFull):
            SPOOLED.labels("full").inc(isinstance(error, SpoolFull))
            return _error(503, error, ("Retry-After", str(error.retry_after_s)))
        if isinstance(error, Reused):
            return _error(409, error)
        if route.name == "events" and isinstance(error, Invalid):
            return _error(413 if isinstance(error, TooLarge) else 422, error)
        return (route.refuse or hot.refusal)(error)

    return replace(route, refuse=refuse)


def _error(status: int, error: PointsmanError, *headers: tuple[str, str]) -> Answer:
    body = error_body(error.code, str(error), **error.details())
    if status == 503:
        # OFREP's clients read this member of every error.
        body["errorDetails"] = str(error)
    return answer_json(status, body, *headers)
