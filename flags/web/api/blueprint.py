"""The blueprint that every module of the admin API adds its routes to, and the parts of their addresses."""

from typing import Annotated

from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from flags.limits import MOST_ROWS
from flags.queries import MOST_AT_ONCE
from flags.web.api.answers import ErrorOut
from flags.web.json_bodies import vet_json_body
from runtime.web.auth import require_actor

blueprint = APIBlueprint(
    "flags_api",
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


class Address(BaseModel):
    """Root of all addresses and queries."""

    model_config = ConfigDict(extra="forbid")


class ProjectAt(Address):
    """One project."""

    project: str


class EnvironmentAt(ProjectAt):
    """One environment."""

    environment: str


class AnyFlagAt(ProjectAt):
    """One flag, in every environment."""

    flag: str


class StateAt(AnyFlagAt):
    """One flag in one environment."""

    environment: str


class KeyAt(EnvironmentAt):
    """One SDK key."""

    key_id: Annotated[int, Field(ge=1, le=MOST_ROWS)]


class RevisionAt(EnvironmentAt):
    """One revision."""

    revision: Annotated[int, Field(ge=1, le=MOST_ROWS)]


class FlagsQuery(Address):
    """Which flags to list."""

    search: str = Field("", description="Part of a key or name")
    archived: bool = False
    limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 100
    offset: Annotated[int, Field(ge=0, le=MOST_ROWS)] = 0


class RevisionsQuery(Address):
    """Which changes to list."""

    flag: str | None = Field(None, description="Only changes of this flag")
    before: Annotated[int, Field(ge=1, le=MOST_ROWS)] | None = Field(None, description="Only older ones")
    limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 50
