"""The blueprint that the experiments' API adds its routes to, and the parts of their addresses."""

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from experiments.model import ExperimentAt
from flags.web.api.answers import ErrorOut
from flags.web.json_bodies import vet_json_body
from runtime.web.auth import require_actor

TAGS = [Tag(name="experiments", description="Experiments, their steps and reports")]
ALL = "/projects/<project>/environments/<environment>/experiments"
ONE = f"{ALL}/<experiment>"

blueprint = APIBlueprint(
    "experiments_api",
    __name__,
    url_prefix="/api/v1",
    abp_security=[{"token": []}],
    abp_responses=dict.fromkeys((401, 404, 409, 413, 422, 423), ErrorOut),
)


@blueprint.before_request
def admit() -> None:
    """Nobody gets further without being known, nor with a body that is not clean JSON."""
    require_actor()
    vet_json_body()


class Place(BaseModel):
    """One environment."""

    model_config = ConfigDict(extra="forbid")

    project: str
    environment: str


class OnePlace(Place):
    """One experiment."""

    experiment: str

    def at(self) -> ExperimentAt:
        """The address the service takes."""
        return ExperimentAt(self.project, self.environment, self.experiment)


class ListQuery(BaseModel):
    """Which experiments to list."""

    model_config = ConfigDict(extra="forbid")

    flag: str | None = Field(None, description="Only those of this flag")
