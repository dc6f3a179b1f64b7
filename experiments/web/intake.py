"""POST /v1/events: where SDKs hand in what happened."""

from datetime import UTC, datetime
from typing import Final

from prometheus_client import Counter

from experiments.events.batch import TooLarge
from experiments.events.ingest import Receipt, take_in
from flags.serving import Serving, Waiting
from runtime.errors import Invalid, PointsmanError
from runtime.web import hot
from runtime.web.errors import body as error_body
from runtime.web.hot import HotRequest, HotRoute
from runtime.web.wsgi import Answer

BATCHES: Final = Counter("pointsman_event_batches_total", "Event batches answered", ["result"])
EVENTS: Final = Counter("pointsman_events_total", "Events answered, duplicates left out", ["result"])


def routes(serving: Serving) -> tuple[HotRoute, ...]:
    """The hot route of the intake. It commits before it answers, so it always takes a thread."""
    waiting = Waiting(serving)

    def events(request: HotRequest) -> Answer:
        access = waiting.access(request.bearer)
        return _take_in(serving, access.environment_id, request)

    return (HotRoute(name="events", path="/v1/events", methods=("POST",), handle=events, refuse=_refused),)


def _take_in(serving: Serving, environment_id: int, request: HotRequest) -> Answer:
    """Acknowledge a batch once it is committed; one answer per event, in the batch's order."""
    receipt = take_in(
        serving.database,
        environment_id,
        request.body,
        request.headers.get("content-encoding", "").strip().lower(),
        now=datetime.now(UTC),
    )
    _count(receipt)
    return hot.answer_json(
        200,
        {
            "accepted": receipt.accepted,
            "batch": receipt.batch,
            "duplicate": receipt.duplicate,
            "results": receipt.results,
        },
    )


def _refused(error: PointsmanError) -> Answer:
    """413 for what is too large, 422 for everything else that is wrong with it; the field is named."""
    if not isinstance(error, Invalid):
        return hot.refusal(error)
    BATCHES.labels("refused").inc()
    status = 413 if isinstance(error, TooLarge) else 422
    return hot.answer_json(status, error_body(error.code, str(error), **error.details()))


def _count(receipt: Receipt) -> None:
    BATCHES.labels("duplicate" if receipt.duplicate else "stored").inc()
    if not receipt.duplicate:
        EVENTS.labels("accepted").inc(receipt.accepted)
        EVENTS.labels("rejected").inc(len(receipt.results) - receipt.accepted)
