"""The document's shape: pydantic models that refuse unknown fields. What is left out is at its default."""

from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
)

from flags import limits
from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import GateKind, Kind, Scheme

FORMAT = 1

Percent = StrictInt | StrictFloat
Span = Annotated[list[StrictInt], Field(min_length=2, max_length=2)]
Range = Annotated[list[StrictInt | StrictStr], Field(min_length=3, max_length=3)]
Conditions = Annotated[
    list[dict[StrictStr, JsonValue]], Field(description="Trees of conditions, spelled as in the ruleset")
]


class Doc(BaseModel):
    """Root of all parts."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class LinkDoc(Doc):
    """Where to read more."""

    label: StrictStr = ""
    url: StrictStr


class HashingDoc(Doc):
    """How an imported rule or gate draws its buckets."""

    scheme: Scheme
    seed: StrictStr
    buckets: Annotated[StrictInt, Field(ge=1, le=limits.BUCKETS_PER_RULE)]
    attribute: StrictStr | None = None


class GateDoc(Doc):
    """An imported gate."""

    kind: GateKind
    name: StrictStr
    hashing: HashingDoc
    spans: list[Span]


class LayerShareDoc(Doc):
    """A rule's room in a layer; ``spans``: which of its 100,000 buckets."""

    layer: StrictStr
    percent: Percent
    spans: list[Span] = Field(default_factory=list)


class WindowDoc(Doc):
    """When a rule applies."""

    start: AwareDatetime | None = None
    end: AwareDatetime | None = None


class RuleDoc(Doc):
    """A rule, known by its id; ``percent`` by variant, or ``weights`` of ``buckets``."""

    id: Annotated[StrictStr, Field(min_length=1)]
    conditions: Conditions = Field(default_factory=list)
    percent: dict[StrictStr, Percent] | None = None
    weights: dict[StrictStr, StrictInt] | None = None
    buckets: StrictInt = BUCKETS
    coverage: Percent = 100
    layer: LayerShareDoc | None = None
    window: WindowDoc | None = None
    ranges: list[Range] = Field(default_factory=list)
    hashing: HashingDoc | None = None
    gates: list[GateDoc] = Field(default_factory=list)


class ServesDoc(Doc):
    """A prerequisite."""

    flag: StrictStr
    serves: list[StrictStr]


class SwitchDoc(Doc):
    """At this moment the flag is switched by itself."""

    at: AwareDatetime
    enabled: StrictBool


class StateDoc(Doc):
    """How a flag serves in one environment."""

    enabled: StrictBool = False
    off: StrictStr
    default: StrictStr
    rules: list[RuleDoc] = Field(default_factory=list)
    overrides: dict[StrictStr, StrictStr] = Field(default_factory=dict)
    requires: list[ServesDoc] = Field(default_factory=list)
    switches: list[SwitchDoc] = Field(default_factory=list)


class FlagDoc(Doc):
    """A flag, and its states by environment; environments that are left out stay as they are."""

    name: StrictStr = ""
    description: StrictStr = ""
    kind: Kind
    owner: StrictStr = ""
    tags: list[StrictStr] = Field(default_factory=list)
    links: list[LinkDoc] = Field(default_factory=list)
    unit_type: StrictStr = "user"
    scheme: Scheme = Scheme.POINTSMAN
    sticky: StrictBool = False
    salt: StrictStr = ""
    payload_schema: dict[StrictStr, JsonValue] | None = Field(None, alias="schema")
    variants: dict[StrictStr, JsonValue]
    moves: dict[StrictStr, StrictStr] = Field(default_factory=dict)
    environments: dict[StrictStr, StateDoc] = Field(default_factory=dict)


class SegmentDoc(Doc):
    """A segment. ``*_units`` only tell how many ids are stored; ``included``, ``excluded`` replace them."""

    name: StrictStr = ""
    description: StrictStr = ""
    conditions: Conditions = Field(default_factory=list)
    included_units: StrictInt = 0
    excluded_units: StrictInt = 0
    included: list[StrictStr] | None = None
    excluded: list[StrictStr] | None = None


class LayerDoc(Doc):
    """A layer."""

    name: StrictStr = ""


class EnvironmentDoc(Doc):
    """An environment beside its flags."""

    name: StrictStr = ""
    holdout: Percent = 0
    layers: dict[StrictStr, LayerDoc] = Field(default_factory=dict)
    segments: dict[StrictStr, SegmentDoc] = Field(default_factory=dict)


class ProjectDoc(Doc):
    """A project, whole."""

    pointsman: Literal[1] = 1
    project: StrictStr
    name: StrictStr = ""
    description: StrictStr = ""
    environments: dict[StrictStr, EnvironmentDoc] = Field(default_factory=dict)
    flags: dict[StrictStr, FlagDoc] = Field(default_factory=dict)
