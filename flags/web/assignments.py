"""For SDKs: unit sets to download, and assignments to ask for where a unit set would be too large."""

from datetime import UTC, datetime
from typing import Annotated, Final

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictStr, ValidationError

from flags import queries, service
from flags.model import FlagAt, SdkAccess
from flags.web.json_bodies import refuse_model, vet_json_body
from flags.web.serving import evaluation_of
from flags.web.state import flags_state
from pointsman.core.choice import Choice, Reason
from runtime.errors import NotFound
from runtime.web.auth import bearer
from runtime.web.state import state

MOST_UNITS: Final = 1_000

blueprint = Blueprint("assignments", __name__)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UnitIn(_Body):
    """One unit, with the attributes the flag's rules may look at."""

    unit: Annotated[StrictStr, Field(min_length=1, max_length=256)]
    context: dict[StrictStr, JsonValue] = Field(default_factory=dict)


class AssignmentsIn(_Body):
    """Whom to assign to which flag."""

    flag: StrictStr
    units: Annotated[list[UnitIn], Field(min_length=1, max_length=MOST_UNITS)]


@blueprint.get("/v1/units/<digest>")
def unit_set(digest: str) -> Response:
    """A unit set some ruleset of this environment refers to. It never changes: keep it for good."""
    with state().database.reading() as session:
        body = queries.unit_set(session, queries.authenticate(session, bearer()), digest)
    answer = Response(body, mimetype="application/octet-stream")
    answer.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    answer.headers["Vary"] = "Authorization"
    return answer


@blueprint.post("/v1/assignments")
def assign() -> Response:
    """Assign up to 1,000 units, and remember those a sticky flag serves by a rule. First writer wins."""
    vet_json_body()
    try:
        body = AssignmentsIn.model_validate_json(request.get_data())
    except ValidationError as error:
        refuse_model(error)
    with state().database.reading() as session:
        access = queries.authenticate(session, bearer())
        evaluation = evaluation_of(session, access, flags_state().publisher)
    if evaluation.ruleset is None or body.flag not in evaluation.ruleset.flags:
        raise NotFound("flag", f"{access.project}/{body.flag}")
    choices = [evaluation.choose(body.flag, each.unit, each.context, None) for each in body.units]
    kept = _kept(access, body.flag, choices) if evaluation.ruleset.flags[body.flag].sticky else {}
    return jsonify(
        {
            "flag": body.flag,
            "revision": evaluation.ruleset.revision,
            "assignments": [_assignment(choice, kept.get(choice.unit)) for choice in choices],
        }
    )


def _kept(access: SdkAccess, flag: str, choices: list[Choice]) -> dict[str, str]:
    at = FlagAt(access.project, access.environment, flag)
    with state().database.session() as session:
        detail = queries.get_flag(session, at.project, at.flag)
        found = queries.get_state(session, at)
        return service.assign(session, detail.flag, found, choices, now=datetime.now(UTC))


def _assignment(choice: Choice, kept: str | None) -> dict[str, object]:
    """What serves: a stored assignment wins over what the rules say now."""
    if kept is None or kept == choice.variant:
        return {
            "unit": choice.unit,
            "variant": choice.variant,
            "reason": choice.reason.value,
            "rule": choice.rule,
        }
    return {"unit": choice.unit, "variant": kept, "reason": Reason.STICKY.value, "rule": None}
