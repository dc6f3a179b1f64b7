"""POST /v1/events: where SDKs hand in what happened."""

from datetime import UTC, datetime
from typing import Final

from flask import Blueprint, Response, jsonify, request
from prometheus_client import Counter

from experiments.events.batch import TooLarge
from experiments.events.ingest import Receipt, take_in
from flags import queries
from runtime.errors import Invalid
from runtime.web.auth import bearer
from runtime.web.errors import body as error_body
from runtime.web.state import state

blueprint = Blueprint("intake", __name__)

BATCHES: Final = Counter("pointsman_event_batches_total", "Event batches answered", ["result"])
EVENTS: Final = Counter("pointsman_events_total", "Events answered, duplicates left out", ["result"])


@blueprint.post("/v1/events")
def events() -> Response:
    """Acknowledge a batch once it is committed; one answer per event, in the batch's order."""
    with state().database.reading() as session:
        access = queries.authenticate(session, bearer())
    receipt = take_in(
        state().database,
        access.environment_id,
        request.get_data(cache=False),
        request.headers.get("Content-Encoding", "").strip().lower(),
        now=datetime.now(UTC),
    )
    _count(receipt)
    return jsonify(
        {
            "batch": receipt.batch,
            "duplicate": receipt.duplicate,
            "accepted": receipt.accepted,
            "results": receipt.results,
        }
    )


@blueprint.errorhandler(Invalid)
def refuse(error: Invalid) -> tuple[Response, int]:
    """413 for what is too large, 422 for everything else; the field is named."""
    BATCHES.labels("refused").inc()
    status = 413 if isinstance(error, TooLarge) else 422
    return jsonify(error_body(error.code, str(error), **error.details())), status


def _count(receipt: Receipt) -> None:
    BATCHES.labels("duplicate" if receipt.duplicate else "stored").inc()
    if not receipt.duplicate:
        EVENTS.labels("accepted").inc(receipt.accepted)
        EVENTS.labels("rejected").inc(len(receipt.results) - receipt.accepted)
