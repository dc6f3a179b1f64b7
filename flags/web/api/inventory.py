"""The inventory: live variants, age, use and stale warnings."""

from datetime import UTC, datetime
from typing import Annotated

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from flags.inventory import InventoryLine, inventory
from flags.limits import MOST_ROWS
from flags.model import Page
from flags.queries import MOST_AT_ONCE
from flags.staleness import Patience, StaleKind
from flags.web.api.answers import answer
from flags.web.api.blueprint import Address, EnvironmentAt, blueprint
from flags.web.state import flags_state
from runtime.web.state import state

_TAGS = [Tag(name="inventory", description="What is live, and what looks stale")]
_MOST_DAYS = 3_650


class InventoryQuery(Address):
    """Which flags, and how long each sign must hold."""

    search: str = Field("", description="Part of a key or name; tag:… and owner:… filter")
    stale: bool = Field(False, description="Of this page, only flags that look stale")
    unused_days: Annotated[int, Field(ge=1, le=_MOST_DAYS)] = 14
    single_days: Annotated[int, Field(ge=1, le=_MOST_DAYS)] = 30
    limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 100
    offset: Annotated[int, Field(ge=0, le=MOST_ROWS)] = 0


class LiveVariantOut(BaseModel):
    """One variant: its share of ordinary units now, and what was met of it in the last week."""

    name: str
    live: bool
    share: float
    exposures: int
    evaluations: int
    met_share: float | None
    last_seen: datetime | None


class StaleReasonOut(BaseModel):
    """One sign that a flag has outlived its purpose."""

    kind: StaleKind
    words: str


class InventoryLineOut(BaseModel):
    """One flag in this environment."""

    flag: str
    name: str
    owner: str
    tags: list[str]
    enabled: bool
    age_days: int
    last_seen: datetime | None
    variants: list[LiveVariantOut]
    stale: list[StaleReasonOut]

    @classmethod
    def of(cls, line: InventoryLine) -> "InventoryLineOut":
        return cls(
            flag=line.flag.key,
            name=line.flag.name,
            owner=line.flag.owner,
            tags=list(line.flag.tags),
            enabled=line.state.enabled,
            age_days=line.age_days,
            last_seen=line.last_seen,
            variants=[
                LiveVariantOut(
                    name=each.name,
                    live=each.live,
                    share=each.share,
                    exposures=each.exposures,
                    evaluations=each.evaluations,
                    met_share=each.met_share,
                    last_seen=each.last_seen,
                )
                for each in line.variants
            ],
            stale=[StaleReasonOut(kind=each.kind, words=each.words) for each in line.stale],
        )


class InventoryOut(BaseModel):
    """Some of ``total`` flags, by key."""

    flags: list[InventoryLineOut]
    total: int
    offset: int

    @classmethod
    def of(cls, page: Page[InventoryLine]) -> "InventoryOut":
        return cls(
            flags=[InventoryLineOut.of(each) for each in page.items], total=page.total, offset=page.offset
        )


@blueprint.get(
    "/projects/<project>/environments/<environment>/inventory", tags=_TAGS, responses={200: InventoryOut}
)
def get_inventory(path: EnvironmentAt, query: InventoryQuery) -> Response:
    """Every flag here: which variants are live, who meets them, and why it may be stale."""
    with state().database.reading() as session:
        page = inventory(
            session,
            path.project,
            path.environment,
            opinions=flags_state().opinions,
            now=datetime.now(UTC),
            patience=Patience(unused_days=query.unused_days, single_days=query.single_days),
            search=query.search,
            stale=query.stale,
            limit=query.limit,
            offset=query.offset,
        )
    return answer(InventoryOut.of(page))
