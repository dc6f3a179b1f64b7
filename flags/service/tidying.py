"""Unit sets nobody needs any more."""

from datetime import datetime

from sqlalchemy.orm import Session

from flags.model import EnvironmentView
from flags.storage import changes, revisions, segments, states, unit_sets


def remove_unused_sets(session: Session, at: EnvironmentView, *, before: datetime) -> int:
    """Delete sets made before an instant that neither flags, segments, their history nor requests need."""
    used = {digest for each in segments.segments(session, at) for digest in (*each.included, *each.excluded)}
    for state in states.with_kept(session, at.id):
        used.update(digest for each in state.kept for digest in each.kept.units)
    used |= revisions.segment_sets(session, at)  # So that any revision of a segment can be undone.
    used |= changes.proposed_sets(session, at)
    return unit_sets.remove_unused(session, at.id, used, before=before)
