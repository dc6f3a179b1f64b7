"""What the admin API gives out."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flask import Response
from pydantic import BaseModel, Field, JsonValue

from flags.assignments import Assignment, AssignmentChange, EnrolledBy, UnitView
from flags.forgetting import ForgetRequest, Stage
from flags.gates import shown_parts
from flags.model import (
    EnvironmentView,
    FlagDetail,
    FlagState,
    KeyKind,
    LayerView,
    NewSdkKey,
    Page,
    ProjectView,
    Revision,
    SdkKeyView,
    SegmentView,
)
from flags.targeting import TargetingPreview
from flags.wire import nodes_to_json, requires_to_json, rules_to_json
from pointsman.core.model import Kind, Rule, Scheme, Window
from pointsman.core.splits import weights_of
from pointsman.core.unit_sets import UNPUBLISHED


class ProjectOut(BaseModel):
    """A project."""

    key: str
    name: str
    description: str
    created_at: datetime

    @classmethod
    def of(cls, view: ProjectView) -> "ProjectOut":
        return cls(key=view.key, name=view.name, description=view.description, created_at=view.created_at)


class ProjectsOut(BaseModel):
    """Every project, by key."""

    projects: list[ProjectOut]


class EnvironmentOut(BaseModel):
    """An environment; ``revision`` counts its changes, ``holdout`` of 100,000 buckets are kept out."""

    project: str
    key: str
    name: str
    revision: int
    holdout: int
    required_approvers: int

    @classmethod
    def of(cls, view: EnvironmentView) -> "EnvironmentOut":
        return cls(
            project=view.project,
            key=view.key,
            name=view.name,
            revision=view.revision,
            holdout=view.holdout,
            required_approvers=view.required_approvers,
        )


class EnvironmentsOut(BaseModel):
    """A project's environments, in the order they were made."""

    environments: list[EnvironmentOut]


class LayerShareOut(BaseModel):
    """Room in a layer: ``share`` of its 100,000 buckets."""

    layer: str
    share: int


class WindowOut(BaseModel):
    """When a rule applies: from ``start`` until just before ``end``."""

    start: datetime | None
    end: datetime | None

    @classmethod
    def of(cls, window: Window) -> "WindowOut":
        return cls(start=_moment(window.start), end=_moment(window.end))


class SwitchOut(BaseModel):
    """At this moment the flag is switched on or off by itself."""

    at: datetime
    enabled: bool


class RuleOut(BaseModel):
    """A rule: its split as ranges of buckets, and the same as weights of so many buckets.

    ``gates`` are every draw in front of the split; ``coverage`` and ``layer`` tell the same in short.
    """

    id: str
    conditions: list[dict[str, JsonValue]]
    split: list[tuple[int, int, str]]
    weights: dict[str, int]
    buckets: int
    coverage: int
    layer: LayerShareOut | None
    window: WindowOut | None
    gates: list[dict[str, JsonValue]]
    hashing: dict[str, JsonValue] | None

    @classmethod
    def of(cls, rule: Rule) -> "RuleOut":
        wire = rules_to_json([rule])[0]
        parts = shown_parts(rule)
        return cls(
            id=rule.id,
            conditions=wire["conditions"],
            split=wire["split"],
            weights=weights_of(rule.split),
            buckets=rule.split[-1].end,
            coverage=parts.coverage,
            layer=None if parts.layer is None else LayerShareOut(**asdict(parts.layer)),
            window=None if rule.window is None else WindowOut.of(rule.window),
            gates=wire.get("gates", []),
            hashing=wire.get("hashing"),
        )


class StateOut(BaseModel):
    """How a flag serves in one environment."""

    environment: str
    enabled: bool
    off: str
    default: str
    rules: list[RuleOut]
    version: int
    overrides: dict[str, str]
    requires: list[dict[str, JsonValue]]
    switches: list[SwitchOut]
    epoch: int
    kept: int = Field(description="Former rules that sticky units keep")
    prefetch: bool = Field(description="More units are kept than handed out: applications must ask first")

    @classmethod
    def of(cls, state: FlagState) -> "StateOut":
        return cls(
            environment=state.environment,
            enabled=state.enabled,
            off=state.off,
            default=state.default,
            rules=[RuleOut.of(rule) for rule in state.rules],
            version=state.version,
            overrides=state.overrides,
            requires=requires_to_json(state.requires),
            switches=[SwitchOut(at=_at(each.at), enabled=each.enabled) for each in state.switches],
            epoch=state.epoch,
            kept=len(state.kept),
            prefetch=any(UNPUBLISHED in each.kept.units for each in state.kept),
        )


class LinkOut(BaseModel):
    """Where to read more."""

    label: str
    url: str


class FlagOut(BaseModel):
    """A flag and how it serves in each environment."""

    project: str
    key: str
    name: str
    description: str
    kind: Kind
    salt: str
    variants: dict[str, JsonValue]
    version: int
    created_at: datetime
    archived_at: datetime | None
    unit_type: str
    scheme: Scheme
    sticky: bool
    payload_schema: dict[str, JsonValue] | None
    tags: list[str]
    owner: str
    links: list[LinkOut]
    environments: dict[str, StateOut]

    @classmethod
    def of(cls, detail: FlagDetail) -> "FlagOut":
        flag = detail.flag
        return cls(
            project=flag.project,
            key=flag.key,
            name=flag.name,
            description=flag.description,
            kind=flag.kind,
            salt=flag.salt,
            variants=flag.variants,
            version=flag.version,
            created_at=flag.created_at,
            archived_at=flag.archived_at,
            unit_type=flag.unit_type,
            scheme=flag.scheme,
            sticky=flag.sticky,
            payload_schema=flag.schema,
            tags=list(flag.tags),
            owner=flag.owner,
            links=[LinkOut(label=each.label, url=each.url) for each in flag.links],
            environments={state.environment: StateOut.of(state) for state in detail.states},
        )


class FlagsOut(BaseModel):
    """Some of ``total`` flags, by key, beginning at ``offset``."""

    flags: list[FlagOut]
    total: int
    offset: int

    @classmethod
    def of(cls, page: Page[FlagDetail]) -> "FlagsOut":
        return cls(flags=[FlagOut.of(each) for each in page.items], total=page.total, offset=page.offset)


class MoveOut(BaseModel):
    """``buckets`` of 100,000 go from one variant to another."""

    before: str
    after: str
    buckets: int


class RuleMovesOut(BaseModel):
    """What changes for one rule's units; ``rule`` null: units that no rule matches."""

    rule: str | None
    moved: int
    moves: list[MoveOut]
    added: bool
    removed: bool
    eligibility: bool


class PreviewOut(BaseModel):
    """Who would move, of 100,000 buckets; ``version`` is the state this was computed from."""

    version: int
    serving: bool
    reordered: bool
    moved: int
    rules: list[RuleMovesOut]

    @classmethod
    def of(cls, preview: TargetingPreview) -> "PreviewOut":
        rules = [
            RuleMovesOut(
                rule=each.rule,
                moved=each.moved,
                moves=[MoveOut(before=m.before, after=m.after, buckets=m.buckets) for m in each.moves],
                added=each.added,
                removed=each.removed,
                eligibility=each.eligibility,
            )
            for each in preview.rules
        ]
        return cls(
            version=preview.version,
            serving=preview.serving,
            reordered=preview.reordered,
            moved=preview.moved,
            rules=rules,
        )


class SdkKeyOut(BaseModel):
    """An SDK key without its secret; ``prefix`` is how the secret begins."""

    id: int
    name: str
    kind: KeyKind
    prefix: str
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, view: SdkKeyView) -> "SdkKeyOut":
        return cls(
            id=view.id,
            name=view.name,
            kind=view.kind,
            prefix=view.prefix,
            created_at=view.created_at,
            revoked_at=view.revoked_at,
        )


class SdkKeysOut(BaseModel):
    """An environment's keys, the newest first."""

    keys: list[SdkKeyOut]


class NewSdkKeyOut(BaseModel):
    """A key just made; ``secret`` is shown this once."""

    key: SdkKeyOut
    secret: str

    @classmethod
    def of(cls, new: NewSdkKey) -> "NewSdkKeyOut":
        return cls(key=SdkKeyOut.of(new.key), secret=new.secret)


class RevisionOut(BaseModel):
    """One change of an environment's ruleset; ``before`` and ``after`` are the flag in wire form."""

    revision: int
    at: datetime
    actor: str
    action: str
    flag: str
    reason: str
    before: dict[str, JsonValue] | None
    after: dict[str, JsonValue] | None

    @classmethod
    def of(cls, view: Revision) -> "RevisionOut":
        return cls(
            revision=view.revision,
            at=view.at,
            actor=str(view.actor),
            action=view.action,
            flag=view.flag,
            reason=view.reason,
            before=view.before,
            after=view.after,
        )


class RevisionsOut(BaseModel):
    """Changes, the newest first."""

    revisions: list[RevisionOut]


class ErrorDetail(BaseModel):
    """What went wrong; further fields by code (a conflict shows ``theirs``)."""

    code: str
    message: str
    field: str | None = None
    problems: list[dict[str, Any]] | None = None
    expected_version: int | None = None
    actual_version: int | None = None
    theirs: dict[str, Any] | None = None
    required_approvers: int | None = None


class ErrorOut(BaseModel):
    """The one shape of every error."""

    error: ErrorDetail


def answer(model: BaseModel, status: int = 200) -> Response:
    """The model as JSON, its members in their own order (variants keep theirs)."""
    return Response(model.model_dump_json(), status=status, mimetype="application/json")


class SegmentOut(BaseModel):
    """A segment; its lists are kept only hashed."""

    key: str
    name: str
    description: str
    conditions: list[dict[str, JsonValue]]
    included: int
    excluded: int
    version: int

    @classmethod
    def of(cls, view: SegmentView) -> "SegmentOut":
        return cls(
            key=view.key,
            name=view.name,
            description=view.description,
            conditions=nodes_to_json(view.conditions),
            included=view.included_count,
            excluded=view.excluded_count,
            version=view.version,
        )


class SegmentsOut(BaseModel):
    """An environment's segments, by key."""

    segments: list[SegmentOut]


class LayerUseOut(BaseModel):
    """A rule with room in a layer, in buckets of 100,000."""

    flag: str
    rule: str
    share: int


class LayerOut(BaseModel):
    """A layer: ``free`` of its 100,000 buckets nobody has."""

    key: str
    name: str
    free: int
    users: list[LayerUseOut]

    @classmethod
    def of(cls, view: LayerView) -> "LayerOut":
        users = [LayerUseOut(**asdict(each)) for each in view.users]
        return cls(key=view.key, name=view.name, free=view.free, users=users)


class LayersOut(BaseModel):
    """An environment's layers, by key."""

    layers: list[LayerOut]


class AssignmentOut(BaseModel):
    """A unit and the variant it keeps."""

    id: int
    environment: str
    flag: str
    unit_type: str
    unit: str
    variant: str
    rule: str
    epoch: int
    at: datetime
    reason: EnrolledBy

    @classmethod
    def of(cls, view: Assignment) -> "AssignmentOut":
        return cls(**asdict(view))


class AssignmentsOut(BaseModel):
    """Assignments of one flag in one environment."""

    assignments: list[AssignmentOut]


class AssignmentChangeOut(BaseModel):
    """A unit was given another variant on purpose."""

    environment: str
    flag: str
    before: str
    after: str
    epoch: int
    at: datetime
    actor: str
    reason: str

    @classmethod
    def of(cls, view: AssignmentChange) -> "AssignmentChangeOut":
        facts = {name: getattr(view, name) for name in cls.model_fields if name != "actor"}
        return cls(**facts, actor=view.actor.name)


class UnitOut(BaseModel):
    """What is remembered of one unit."""

    unit: str
    assignments: list[AssignmentOut]
    changes: list[AssignmentChangeOut]

    @classmethod
    def of(cls, view: UnitView) -> "UnitOut":
        return cls(
            unit=view.unit,
            assignments=[AssignmentOut.of(each) for each in view.assignments],
            changes=[AssignmentChangeOut.of(each) for each in view.changes],
        )


class ForgetRequestOut(BaseModel):
    """A request to forget a unit, which is named by a digest only.

    ``assignments`` were deleted at once; ``events`` is how many rows of the event tables were deleted so far.
    """

    id: int
    digest: str
    stage: Stage
    asked_at: datetime
    asked_by: str
    assignments: int
    events: int
    cleared_at: datetime | None
    done_at: datetime | None

    @classmethod
    def of(cls, view: ForgetRequest) -> "ForgetRequestOut":
        facts = {name: getattr(view, name) for name in cls.model_fields if name != "asked_by"}
        return cls(**facts, asked_by=str(view.by))


class ForgottenOut(BaseModel):
    """How many assignments were deleted, and the request by which events go within a day."""

    assignments: int
    request: ForgetRequestOut


class ForgetRequestsOut(BaseModel):
    """Requests to forget, the newest first."""

    requests: list[ForgetRequestOut]


def _moment(at: int | None) -> datetime | None:
    return None if at is None else _at(at)


def _at(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
