"""GET /v1/ruleset: what SDKs poll. Almost every answer is a 304 that costs one indexed query."""

from flask import Blueprint, Response, request

from flags import metrics, queries
from flags.web.state import flags_state
from runtime.web.auth import bearer
from runtime.web.state import state

blueprint = Blueprint("delivery", __name__)


@blueprint.get("/v1/ruleset")
def ruleset() -> Response:
    """The environment's current ruleset, or 304 if the client has it. 401: no live SDK key.

    The ETag is strong: the SHA-256 of the body. A tag that a proxy weakened matches too.
    """
    with state().database.reading() as session:
        access = queries.authenticate(session, bearer())
        compiled = flags_state().publisher.current(session, access.ruleset)
    if request.if_none_match.contains_weak(compiled.etag):
        answer = Response(status=304)
    else:
        answer = Response(compiled.body, mimetype="application/json")
    metrics.RULESETS_SERVED.labels(answer.status_code).inc()
    answer.set_etag(compiled.etag)
    # The body belongs to one key's holder, and must be asked for again each time.
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.headers["Vary"] = "Authorization"
    return answer
