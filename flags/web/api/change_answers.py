"""What the admin API gives out about change requests, differences and reverts."""

from datetime import datetime

from pydantic import BaseModel, JsonValue

from flags.changes.model import ChangeRequest, ChangeState
from flags.model import Page, RuleDraft, Targeting
from flags.requests import Rehearsal
from flags.revisions import Difference
from flags.web.api.answers import SegmentOut
from flags.wire import rules_to_json
from pointsman.core.model import Rule


class DifferenceOut(BaseModel):
    """One thing that changes; ``moved`` of 100,000 buckets of a rule change hands."""

    field: str
    before: str | None
    after: str | None
    moved: int | None

    @classmethod
    def of(cls, view: Difference) -> "DifferenceOut":
        return cls(field=view.field, before=view.before, after=view.after, moved=view.moved)


class ProposedTargetingOut(BaseModel):
    """Targeting as proposed: weights in buckets by variant."""

    rules: list[dict[str, JsonValue]]
    default: str
    off: str

    @classmethod
    def of(cls, view: Targeting) -> "ProposedTargetingOut":
        return cls(rules=[_rule(each) for each in view.rules], default=view.default, off=view.off)


class ProposalOut(BaseModel):
    """What is proposed; null: it stays as it is."""

    targeting: ProposedTargetingOut | None
    enabled: bool | None
    variants: dict[str, JsonValue] | None
    sticky: bool | None
    unit_type: str | None
    moves: dict[str, str] | None
    archived: bool | None
    revert: int | None
    rerandomise: bool | None
    segment: SegmentOut | None
    holdout: int | None
    required_approvers: int | None


class ApprovalOut(BaseModel):
    """One person's consent; ``valid``: it is for the draft that would be published."""

    actor: str
    note: str
    at: datetime
    valid: bool


class ChangeOut(BaseModel):
    """A change request."""

    number: int
    flag: str | None
    subject: str
    """The flag, or what it is about that is no flag: ``segment:staff``, ``holdout``, ``approvers``."""
    environment: str
    state: ChangeState
    reason: str
    author: str
    proposal: ProposalOut
    approvals: list[ApprovalOut]
    base_version: int
    version: int
    created_at: datetime
    changed_at: datetime
    publish_at: datetime | None
    published_revision: int | None
    failure: str

    @classmethod
    def of(cls, view: ChangeRequest) -> "ChangeOut":
        asked = view.proposal
        return cls(
            number=view.id,
            flag=view.at.flag if view.of_flag else None,
            subject=view.at.flag,
            environment=view.at.environment,
            state=view.state,
            reason=view.reason,
            author=str(view.author),
            proposal=ProposalOut(
                targeting=None if asked.targeting is None else ProposedTargetingOut.of(asked.targeting),
                enabled=asked.enabled,
                variants=None if asked.variants is None else dict(asked.variants),
                sticky=asked.sticky,
                unit_type=asked.unit_type,
                moves=None if asked.moves is None else dict(asked.moves),
                archived=asked.archived,
                revert=asked.revert,
                rerandomise=asked.rerandomise,
                segment=None if asked.segment is None else SegmentOut.of(asked.segment),
                holdout=asked.holdout,
                required_approvers=asked.required_approvers,
            ),
            approvals=[
                ApprovalOut(actor=each.actor, note=each.note, at=each.at, valid=each.draft == view.draft)
                for each in view.approvals
            ],
            base_version=view.base_state,
            version=view.version,
            created_at=view.created_at,
            changed_at=view.changed_at,
            publish_at=view.publish_at,
            published_revision=view.published_revision,
            failure=view.failure,
        )


class ChangesOut(BaseModel):
    """Some of ``total`` change requests, the newest first."""

    changes: list[ChangeOut]
    total: int
    offset: int

    @classmethod
    def of(cls, page: Page[ChangeRequest]) -> "ChangesOut":
        return cls(changes=[ChangeOut.of(each) for each in page.items], total=page.total, offset=page.offset)


class RehearsedOut(BaseModel):
    """What publishing now would change; ``problem``: why it would be refused."""

    before: dict[str, JsonValue] | None
    after: dict[str, JsonValue] | None
    differences: list[DifferenceOut]
    problem: str
    moved_on: bool

    @classmethod
    def of(cls, view: Rehearsal) -> "RehearsedOut":
        return cls(
            before=view.before,
            after=view.after,
            differences=[DifferenceOut.of(each) for each in view.differences],
            problem=view.problem,
            moved_on=view.moved_on,
        )


class DiffOut(BaseModel):
    """What a revision changed, by field."""

    revision: int
    differences: list[DifferenceOut]


def _rule(draft: RuleDraft) -> dict[str, JsonValue]:
    wire = rules_to_json([Rule(id=draft.id, conditions=draft.conditions, split=())])[0]
    wire.pop("split")
    return {**wire, "weights": dict(draft.weights)}
