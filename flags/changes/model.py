"""A change request as values: what is proposed, how it stands, who has approved it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from flags.model import FlagAt, SegmentView, Targeting
from pointsman.core.model import Json
from runtime.actors import Actor


class ChangeState(StrEnum):
    """Where a change request is in its life."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    FAILED = "failed"
    """It was due and could not be published; an edit or a rebase brings it back."""


OPEN = (ChangeState.DRAFT, ChangeState.SUBMITTED, ChangeState.APPROVED, ChangeState.SCHEDULED)
OVER = (ChangeState.PUBLISHED, ChangeState.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What should be; None leaves a thing as it is.

    Of a flag. ``archived``, ``revert`` (the number of a revision to undo) and ``rerandomise`` stand alone:

    Of an environment, each by itself: a ``segment`` as it should be (units already hashed and kept as sets;
    its id and version are not looked at), the ``holdout`` in buckets, ``required_approvers``.
    """

    targeting: Targeting | None = None
    enabled: bool | None = None
    variants: Mapping[str, Json] | None = None
    sticky: bool | None = None
    unit_type: str | None = None
    moves: Mapping[str, str] | None = None
    """For variants that go: which one their sticky units get."""
    archived: bool | None = None
    revert: int | None = None
    rerandomise: bool | None = None
    segment: SegmentView | None = None
    holdout: int | None = None
    required_approvers: int | None = None

    @property
    def subject(self) -> str | None:
        """What it is about that is no flag: ``segment:staff``, ``holdout``, ``approvers``; None: a flag."""
        if self.segment is not None:
            return f"segment:{self.segment.key}"
        if self.holdout is not None:
            return "holdout"
        return None if self.required_approvers is None else "approvers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's consent to one draft of the request."""

    actor: str
    draft: int
    note: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """A proposed change. ``version`` counts every step of its life, ``draft`` the edits of what is proposed.

    ``base_state`` and ``base_flag`` are the versions it was written against; of what is no flag
    ``base_state`` is the segment's version, or the number that stood there. ``at.flag`` is then its subject.
    """

    id: int
    at: FlagAt
    state: ChangeState
    reason: str
    author: Actor
    writers: tuple[str, ...]
    """Everybody who had a hand in the draft, as ``kind:name``."""
    proposal: Proposal
    base_state: int
    base_flag: int
    draft: int
    version: int
    created_at: datetime
    changed_at: datetime
    publish_at: datetime | None
    published_revision: int | None
    failure: str
    approvals: tuple[Approval, ...]
    """Of every draft, the oldest first."""

    @property
    def of_flag(self) -> bool:
        """Whether it is about a flag."""
        return self.proposal.subject is None

    @property
    def valid(self) -> tuple[Approval, ...]:
        """The approvals of the very draft that would be published."""
        return tuple(each for each in self.approvals if each.draft == self.draft)

    @property
    def path(self) -> str:
        """The audit log's subject: ``demo/prod/ranker/changes/7``."""
        return f"{self.at.path}/changes/{self.id}"
