"""The blueprint that every module of the admin API adds its routes to, and the parts of their addresses."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from flags.limits import MOST_ROWS
from flags.queries import MOST_AT_ONCE
from flags.web.api.door import api_blueprint

blueprint = api_blueprint("flags_api", __name__)


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

    search: str = Field("", description="Part of a key or name; tag:… and owner:… filter")
    archived: bool = False
    limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 100
    offset: Annotated[int, Field(ge=0, le=MOST_ROWS)] = 0


class RevisionsQuery(Address):
    """Which changes to list."""

    flag: str | None = Field(None, description="Only changes of this flag")
    before: Annotated[int, Field(ge=1, le=MOST_ROWS)] | None = Field(None, description="Only older ones")
    limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 50


class SegmentAt(EnvironmentAt):
    """One segment."""

    segment: str


class LayerAt(EnvironmentAt):
    """One layer."""

    layer: str


class UnitQuery(Address):
    """Whom to look up."""

    unit: str


class ForgottenQuery(Address):
    """Which requests to forget to list."""

    unit: str | None = Field(None, description="Only of this unit")
    before: Annotated[int, Field(ge=1, le=MOST_ROWS)] | None = Field(None, description="Only lower ids")
    limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 100


class AssignmentsQuery(Address):
    """Which assignments to list."""

    after: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="Only those with a higher id")
    limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = MOST_AT_ONCE
