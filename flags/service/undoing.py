"""Undoing a revision of what is no flag: a segment, or the holdout."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from flags.guards import By
from flags.model import EnvironmentView, Revision, SegmentView
from flags.reading import nodes_from_json
from flags.service.opening import open_environment
from flags.service.population import set_holdout
from flags.service.restoring import Side, find_revision, reason_of, snapshot_of
from flags.service.segments import put_segment, remade_segment
from flags.storage import segments, unit_sets
from runtime.errors import Conflict, Invalid


def revert_around(
    session: Session,
    by: By,
    project: str,
    environment: str,
    number: int,
    *,
    expected_version: int,
    side: Side = Side.BEFORE,
) -> SegmentView | EnvironmentView:
    """The segment or the holdout is again what it was before the revision, or right after it.

    ``expected_version`` is the segment's (0: it is deleted now), or the holdout that stands there. It is
    itself a revision; what is so already leaves no trace. NotFound, Conflict, ApprovalRequired. Invalid: it
    was not there then, the list's units are gone, or others have come to depend on what would go.
    """
    at = open_environment(session, project, environment)
    wanted = find_revision(session, project, environment, number)
    if not wanted.subject:
        raise Invalid("revision", f"{number} is of the flag {wanted.flag!r}")
    snapshot = snapshot_of(wanted, side)
    by = replace(by, reason=reason_of(number, side, by.reason))
    if wanted.subject == "holdout":
        share = int(snapshot["holdout"])
        return set_holdout(session, by, project, environment, share=share, expected=expected_version)
    return _revert_segment(session, by, at, wanted, snapshot, expected_version)


def _revert_segment(
    session: Session,
    by: By,
    at: EnvironmentView,
    wanted: Revision,
    snapshot: Mapping[str, Any],
    expected_version: int,
) -> SegmentView:
    after = SegmentView(
        id=0,
        project=at.project,
        environment=at.key,
        key=snapshot["key"],
        name=snapshot["name"],
        description=snapshot["description"],
        conditions=nodes_from_json(snapshot["conditions"]),
        included=tuple(snapshot["included"]),
        excluded=tuple(snapshot["excluded"]),
        included_count=snapshot["included_count"],
        excluded_count=snapshot["excluded_count"],
        version=0,
    )
    for digest in (*after.included, *after.excluded):
        if unit_sets.body(session, at.id, digest) is None:
            raise Invalid("revision", f"{wanted.revision} holds a list of units that is kept no more")
    now = segments.segment(session, at, after.key)
    if now is not None:
        return put_segment(session, by, at, after, expected_version=expected_version)
    if expected_version:
        raise Conflict(f"segment {after.key!r}", expected_version, 0, {"deleted": True})
    return remade_segment(session, by, at, after)
