"""Change requests about what is no flag: a segment, the holdout, how many people must approve."""

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from flags.changes.model import ChangeRequest, Proposal
from flags.encoding import segment_json
from flags.guards import By
from flags.limits import MOST_APPROVERS
from flags.model import EnvironmentView, SegmentDraft
from flags.service.opening import open_environment
from flags.service.places import set_required_approvers
from flags.service.population import set_holdout
from flags.service.segments import drafted_segment, known_segment, put_segment
from flags.storage import segments
from pointsman.core.bucketing import BUCKETS
from runtime.errors import Invalid


def proposed_segment(session: Session, project: str, environment: str, draft: SegmentDraft) -> Proposal:
    """What an edit of a segment would make of it, with its lists kept as sets. Invalid, NotFound."""
    at = open_environment(session, project, environment)
    return Proposal(segment=drafted_segment(session, at, draft))


def check_around(session: Session, at: EnvironmentView, proposal: Proposal) -> None:
    """Whether it makes sense as things stand; publishing checks everything again. Invalid, NotFound."""
    if replace(proposal, segment=None, holdout=None, required_approvers=None) != Proposal():
        raise Invalid("proposal", "mixes an environment's matters with a flag's; open a request for each")
    given = (proposal.segment, proposal.holdout, proposal.required_approvers)
    if sum(each is not None for each in given) != 1:
        raise Invalid("proposal", "is about one thing: a segment, the holdout, or required_approvers")
    if proposal.segment is not None:
        known_segment(session, at, proposal.segment.key)
    if proposal.holdout is not None and not 0 <= proposal.holdout <= BUCKETS:
        raise Invalid("holdout", f"must be from 0 to {BUCKETS} buckets (100 %)")
    count = proposal.required_approvers
    if count is not None and not 0 <= count <= MOST_APPROVERS:
        raise Invalid("required_approvers", f"must be from 0 to {MOST_APPROVERS}")


def base_around(session: Session, at: EnvironmentView, proposal: Proposal) -> int:
    """What it is written against: the segment's version, or the number that stands there. NotFound."""
    if proposal.segment is not None:
        return known_segment(session, at, proposal.segment.key).version
    return at.holdout if proposal.holdout is not None else at.required_approvers


def apply_around(session: Session, by: By, request: ChangeRequest) -> None:
    """Make it so by the commands that everybody uses. Invalid, NotFound, Conflict, ApprovalRequired."""
    project, environment, proposal = request.at.project, request.at.environment, request.proposal
    base = request.base_state
    if proposal.segment is not None:
        at = open_environment(session, project, environment)
        put_segment(session, by, at, proposal.segment, expected_version=base)
    if proposal.holdout is not None:
        set_holdout(session, by, project, environment, share=proposal.holdout, expected=base)
    if proposal.required_approvers is not None:
        set_required_approvers(session, by, project, environment, proposal.required_approvers, expected=base)


def shown_around(session: Session, at: EnvironmentView, proposal: Proposal) -> dict[str, Any] | None:
    """How its subject stands now, as the history spells it; None: it is gone."""
    if proposal.segment is not None:
        found = segments.segment(session, at, proposal.segment.key)
        return None if found is None else segment_json(found)
    if proposal.holdout is not None:
        return {"holdout": at.holdout}
    return {"required_approvers": at.required_approvers}
