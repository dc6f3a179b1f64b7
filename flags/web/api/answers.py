"""What the admin API gives out."""

from datetime import datetime
from typing import Any

from flask import Response
from pydantic import BaseModel, JsonValue

from flags.encoding import rules_to_json
from flags.model import (
    EnvironmentView,
    FlagDetail,
    FlagState,
    KeyKind,
    NewSdkKey,
    Page,
    ProjectView,
    Revision,
    SdkKeyView,
)
from flags.targeting import TargetingPreview
from pointsman.core.model import Kind, Rule
from pointsman.core.splits import weights_of


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
    """An environment; ``revision`` counts the changes of its ruleset."""

    project: str
    key: str
    name: str
    revision: int

    @classmethod
    def of(cls, view: EnvironmentView) -> "EnvironmentOut":
        return cls(project=view.project, key=view.key, name=view.name, revision=view.revision)


class EnvironmentsOut(BaseModel):
    """A project's environments, in the order they were made."""

    environments: list[EnvironmentOut]


class RuleOut(BaseModel):
    """A rule: its split as ranges of buckets, and the same as weights in buckets."""

    id: str
    conditions: list[dict[str, JsonValue]]
    split: list[tuple[int, int, str]]
    weights: dict[str, int]

    @classmethod
    def of(cls, rule: Rule) -> "RuleOut":
        wire = rules_to_json([rule])[0]
        return cls(**wire, weights=weights_of(rule.split))


class StateOut(BaseModel):
    """How a flag serves in one environment."""

    environment: str
    enabled: bool
    off: str
    default: str
    rules: list[RuleOut]
    version: int

    @classmethod
    def of(cls, state: FlagState) -> "StateOut":
        return cls(
            environment=state.environment,
            enabled=state.enabled,
            off=state.off,
            default=state.default,
            rules=[RuleOut.of(rule) for rule in state.rules],
            version=state.version,
        )


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


class ErrorOut(BaseModel):
    """The one shape of every error."""

    error: ErrorDetail


def answer(model: BaseModel, status: int = 200) -> Response:
    """The model as JSON, its members in their own order (variants keep theirs)."""
    return Response(model.model_dump_json(), status=status, mimetype="application/json")
