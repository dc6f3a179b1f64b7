"""Is the process up, can it serve, and what has it counted."""

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
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
    """Prometheus metrics of this process, and what the database says right now."""
    body = generate_latest() + generate_latest(_readings())
    return Response(body, content_type=CONTENT_TYPE_LATEST)


def _readings() -> CollectorRegistry:
    registry = CollectorRegistry()
    up = Gauge("pointsman_database_up", "Whether the database answers", registry=registry)
    try:
        with state().database.reading() as session:
            for read in state().gauges:
                for name, value in read(session).items():
                    Gauge(name, "Read from the database when asked", registry=registry).set(value)
    except DBAPIError:
        up.set(0)
    else:
        up.set(1)
    return registry
