"""The pipeline as JSON: what came in, what waits, what was lost."""

from dataclasses import asdict
from datetime import datetime

from flask import Response, jsonify
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from experiments.events import instances, storage
from experiments.web.api.blueprint import Place, blueprint
from flags.queries import get_environment
from runtime.web.state import state


class BacklogOut(BaseModel):
    """Acknowledged and not yet in the event tables."""

    batches: int
    events: int
    oldest: datetime | None


class SdkInstanceOut(BaseModel):
    """One sending process; an empty ``instance`` counts all that gave none."""

    instance: str
    sdk: str | None
    seen_at: datetime
    accepted: int
    rejected: int
    reason: str | None
    dropped: dict[str, int]
    device: str | None
    revision: int | None


class PipelineOut(BaseModel):
    """The way of an environment's events."""

    backlog: BacklogOut
    instances: list[SdkInstanceOut]


@blueprint.get(
    "/projects/<project>/environments/<environment>/pipeline",
    tags=[Tag(name="pipeline", description="Events on their way, and what was lost")],
    responses={200: PipelineOut},
)
def get_pipeline(path: Place) -> Response:
    """What waits between acknowledgement and event tables, and who sends what."""
    with state().database.reading() as session:
        environment = get_environment(session, path.project, path.environment)
        waiting = storage.backlog(session, environment.id)
        senders = instances.of_environment(session, environment.id)
    answer = PipelineOut(
        backlog=BacklogOut(**asdict(waiting)), instances=[SdkInstanceOut(**asdict(each)) for each in senders]
    )
    return jsonify(answer.model_dump(mode="json"))
