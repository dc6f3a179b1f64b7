"""Is the process up, can it serve, and what has it counted."""

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import DBAPIError

from runtime import migrations
from runtime.web.state import state

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def health() -> Response:
    """200 while the process answers at all."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """200 when the database answers and its tables are up to date, else 503 with the reason."""
    needed = migrations.newest()
    try:
        with state().database.reading() as session:
            found = migrations.current(session)
    except DBAPIError as error:
        reason = str(error.orig).partition("\n")[0]
        return jsonify({"status": "unavailable", "database": reason}), 503
    if found != needed:
        return jsonify({"status": "unavailable", "migration": {"needed": needed, "found": found}}), 503
    return jsonify({"status": "ok", "migration": found}), 200


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
