"""The blueprint that the experiments' API adds its routes to, and the parts of their addresses."""

from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from experiments.model import ExperimentAt
from flags.web.api.door import api_blueprint

TAGS = [Tag(name="experiments", description="Experiments, their steps and reports")]
ALL = "/projects/<project>/environments/<environment>/experiments"
ONE = f"{ALL}/<experiment>"

blueprint = api_blueprint("experiments_api", __name__)


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
