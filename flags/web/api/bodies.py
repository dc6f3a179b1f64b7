"""What the admin API takes in: pydantic models that refuse unknown fields, and their way to drafts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StrictBool, StrictInt, StrictStr

from flags import limits
from flags.importers.model import Options, Vendor
from flags.model import FlagEdit, KeyKind, LayerShare, Link, NewFlag, RuleDraft, SegmentDraft, Targeting
from flags.service import ListName
from flags.web.api.nodes import NodeIn, ServesIn, nodes_of
from flags.weights import buckets_of_percent
from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import Kind, Scheme, Switch, Window
from runtime.errors import Invalid

Version = Annotated[
    StrictInt,
    Field(ge=0, le=limits.MOST_ROWS, description="The version you saw; 409 if it is another now"),
]
Reason = Annotated[StrictStr, Field(description="Why, for the history")]


class Body(BaseModel):
    """Root of all bodies."""

    model_config = ConfigDict(extra="forbid")


class ProjectIn(Body):
    """A project to be."""

    key: StrictStr
    name: StrictStr = ""
    description: StrictStr = ""


class EnvironmentIn(Body):
    """An environment to be."""

    key: StrictStr
    name: StrictStr = ""


class FlagIn(Body):
    """A flag to be; ``off`` and ``default`` mean the first variant if left out."""

    key: StrictStr
    kind: Kind
    variants: dict[StrictStr, JsonValue] = Field(description="Payloads by variant")
    name: StrictStr = ""
    description: StrictStr = ""
    off: StrictStr = ""
    default: StrictStr = ""
    unit_type: StrictStr = Field("user", description="What is randomised: user, session, tenant, device, …")
    scheme: Scheme = Field(Scheme.POINTSMAN, description="How units are bucketed; never changes afterwards")
    sticky: StrictBool = Field(False, description="Who is enrolled keeps the variant through every change")
    payload_schema: dict[StrictStr, JsonValue] | None = Field(
        None, description="JSON Schema of every payload"
    )
    reason: Reason = ""

    def draft(self) -> NewFlag:
        """The draft the service takes."""
        return NewFlag(
            key=self.key,
            kind=self.kind,
            variants=self.variants,
            name=self.name,
            description=self.description,
            off=self.off,
            default=self.default,
            unit_type=self.unit_type,
            scheme=self.scheme,
            sticky=self.sticky,
            schema=self.payload_schema,
        )


class LinkIn(Body):
    """Where to read more; http or https."""

    label: StrictStr = ""
    url: StrictStr


class FlagEditIn(Body):
    """New values for a flag; what is left out stays."""

    expected_version: Version
    name: StrictStr | None = None
    description: StrictStr | None = None
    variants: dict[StrictStr, JsonValue] | None = None
    unit_type: StrictStr | None = None
    sticky: StrictBool | None = None
    payload_schema: dict[StrictStr, JsonValue] | None = Field(
        None, description="JSON Schema of every payload; {} takes it away"
    )
    moves: dict[StrictStr, StrictStr] = Field(
        default_factory=dict, description="For a variant that goes: which one its sticky units get"
    )
    tags: list[StrictStr] | None = Field(None, description="Keys; a list takes a flag with tag:…")
    owner: StrictStr | None = None
    links: list[LinkIn] | None = None
    reason: Reason = ""

    def draft(self) -> FlagEdit:
        """The draft the service takes."""
        links = self.links
        return FlagEdit(
            name=self.name,
            description=self.description,
            variants=self.variants,
            unit_type=self.unit_type,
            sticky=self.sticky,
            schema=self.payload_schema,
            moves=self.moves,
            tags=None if self.tags is None else tuple(self.tags),
            owner=self.owner,
            links=None if links is None else tuple(Link(each.label, each.url) for each in links),
        )


class VersionIn(Body):
    """A change that needs no values."""

    expected_version: Version
    reason: Reason = ""


class ArchiveIn(VersionIn):
    """Archiving; a flag that was used in the last seven days is archived only by force."""

    force: StrictBool = False


class EnabledIn(VersionIn):
    """The kill switch."""

    enabled: StrictBool


class WindowIn(Body):
    """When a rule applies, by the clock of whoever evaluates; at least one of both."""

    start: AwareDatetime | None = None
    end: AwareDatetime | None = Field(None, description="The first moment it applies no more")

    def window(self) -> Window:
        """The window in whole seconds."""
        return Window(start=_seconds(self.start), end=_seconds(self.end))


class LayerShareIn(Body):
    """Room in a layer: ``share`` of its 100,000 buckets."""

    layer: StrictStr
    share: StrictInt


class RuleIn(Body):
    """A rule; either ``weights`` in buckets (sum ``buckets``) or ``percent`` (sum 100, three decimals)."""

    id: StrictStr = Field(
        "", description="A stored rule's id keeps its units where they are; empty: a new rule"
    )
    conditions: list[NodeIn] = Field(default_factory=list)
    weights: dict[StrictStr, StrictInt] | None = None
    buckets: StrictInt = Field(BUCKETS, description="What the weights sum to")
    percent: dict[StrictStr, float] | None = None
    coverage: StrictInt = Field(BUCKETS, description="Buckets of 100,000 that enter at all")
    layer: LayerShareIn | None = None
    window: WindowIn | None = None

    def draft(self, field: str) -> RuleDraft:
        """The draft the service takes. Invalid: weights and percent both or neither, no whole buckets."""
        return RuleDraft(
            id=self.id,
            conditions=nodes_of(self.conditions),
            weights=self._shares(field),
            buckets=self.buckets,
            coverage=self.coverage,
            layer=LayerShare(layer=self.layer.layer, share=self.layer.share) if self.layer else None,
            window=self.window.window() if self.window else None,
        )

    def _shares(self, field: str) -> Mapping[str, int]:
        if self.weights is not None and self.percent is not None:
            raise Invalid(f"{field}.percent", "give weights or percent, not both")
        if self.weights is not None:
            return self.weights
        if self.percent is not None:
            return buckets_of_percent(self.percent, f"{field}.percent")
        raise Invalid(f"{field}.weights", "is needed: buckets by variant (or percent)")


class SwitchIn(Body):
    """At this moment the flag is switched on or off by itself."""

    at: AwareDatetime
    enabled: StrictBool


class TargetingIn(Body):
    """Whom a flag serves what in one environment, whole."""

    rules: list[RuleIn]
    default: StrictStr
    off: StrictStr
    overrides: dict[StrictStr, StrictStr] = Field(default_factory=dict, description="Variants by unit")
    requires: list[ServesIn] = Field(
        default_factory=list, description="Prerequisites; while one is unmet the off variant serves"
    )
    switches: list[SwitchIn] = Field(default_factory=list)

    def draft(self) -> Targeting:
        """The draft the service takes. Invalid: weights and percent both or neither, no whole buckets."""
        return Targeting(
            rules=tuple(rule.draft(f"rules.{index}") for index, rule in enumerate(self.rules)),
            default=self.default,
            off=self.off,
            overrides=self.overrides,
            requires=tuple(each.node() for each in self.requires),
            switches=tuple(Switch(at=_second(each.at), enabled=each.enabled) for each in self.switches),
        )


class TargetingChangeIn(TargetingIn):
    """Targeting to be stored."""

    expected_version: Version
    reason: Reason = ""


class SegmentIn(Body):
    """A segment. Lists that are left out stay as they are stored."""

    name: StrictStr = ""
    description: StrictStr = ""
    conditions: list[NodeIn] = Field(default_factory=list)
    included: list[StrictStr] | None = Field(
        None, description="Units that are in whatever the conditions say"
    )
    excluded: list[StrictStr] | None = Field(None, description="Units that are out whatever else")
    reason: Reason = ""

    def draft(self, key: str) -> SegmentDraft:
        """The draft the service takes."""
        return SegmentDraft(
            key=key,
            name=self.name,
            description=self.description,
            conditions=nodes_of(self.conditions),
            included=None if self.included is None else tuple(self.included),
            excluded=None if self.excluded is None else tuple(self.excluded),
        )


class NewSegmentIn(SegmentIn):
    """A segment to be."""

    key: StrictStr


class SegmentChangeIn(SegmentIn):
    """A segment, whole but for its lists."""

    expected_version: Version


class UnitsIn(Body):
    """Units of a segment: some more, others fewer. Who is in both is removed."""

    add: list[StrictStr] = Field(default_factory=list)
    remove: list[StrictStr] = Field(default_factory=list)
    expected_version: Version
    reason: Reason = ""
    list: ListName  # The last: within the class its name hides the type's.


class LayerIn(Body):
    """A layer to be."""

    key: StrictStr
    name: StrictStr = ""
    reason: Reason = ""


class HoldoutIn(Body):
    """The share of all units that is kept out of every split."""

    share: StrictInt = Field(description="Buckets of 100,000")
    expected: StrictInt = Field(description="The share you saw; 409 if it is another now")
    reason: Reason = ""


class RerandomiseIn(VersionIn):
    """Moves the flag's units on purpose."""

    confirm: StrictStr = Field(description="The flag's key, typed")


class ForgetIn(Body):
    """Whom to forget."""

    unit: StrictStr
    reason: Reason = ""


class SdkKeyIn(Body):
    """A key to be."""

    name: StrictStr = Field(description="Who will use it")
    kind: KeyKind = Field(KeyKind.SERVER, description="server: the whole ruleset; client: evaluations only")


def _second(at: datetime) -> int:
    return int(at.timestamp())


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else _second(at)


class ImportIn(Body):
    """Another vendor's document, and how to read it."""

    vendor: Vendor
    document: dict[StrictStr, JsonValue]
    dry_run: StrictBool = Field(False, description="Say what would be done, and do nothing")
    update: StrictBool = Field(False, description="Overwrite flags and segments that exist and differ")
    partial: StrictBool = Field(False, description="Carry what can be carried of a flag")
    unit: StrictStr = Field("", description="The attribute that is the unit; empty: the vendor's usual one")
    text_hashing: StrictBool = Field(False, description="flagd only: as providers hashed before CBOR")
    reason: Reason = ""

    @property
    def options(self) -> Options:
        """How to read it."""
        return Options(unit=self.unit, partial=self.partial, text_hashing=self.text_hashing)
