"""Why a unit gets what it gets."""

from typing import Any

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field, JsonValue, StrictStr

from flags.explaining import explained
from flags.model import FlagAt
from flags.web.api.answers import AssignmentOut, answer
from flags.web.api.blueprint import StateAt, blueprint
from flags.web.api.bodies import Body
from flags.web.state import flags_state
from pointsman.core.explain import explanation_json
from runtime.web.state import state

_TAGS = [Tag(name="explain", description="The whole reason chain of one unit's variant")]
_EXPLAIN = "/projects/<project>/flags/<flag>/environments/<environment>/explain"


class ExplainIn(Body):
    """Whom to explain."""

    unit: StrictStr
    context: dict[StrictStr, JsonValue] = Field(default_factory=dict)


class ExplanationOut(BaseModel):
    """Every step in the order of evaluation; ``stored`` is what a sticky flag remembers of the unit."""

    revision: int
    explanation: dict[str, Any]
    stored: AssignmentOut | None


@blueprint.post(_EXPLAIN, tags=_TAGS, responses={200: ExplanationOut})
def explain_unit(path: StateAt, body: ExplainIn) -> Response:
    """Rule by rule, condition by condition, bucket, range and sticky record. Enrolls nobody."""
    parts = flags_state()
    with state().database.reading() as session:
        at = FlagAt(path.project, path.environment, path.flag)
        found = explained(session, parts.publisher, parts.evaluations, at, body.unit, body.context)
    return answer(
        ExplanationOut(
            revision=found.revision,
            explanation=explanation_json(found.explanation),
            stored=None if found.stored is None else AssignmentOut.of(found.stored),
        )
    )
