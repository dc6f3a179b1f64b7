"""Unit sets nobody needs any more."""

from datetime import datetime

from sqlalchemy.orm import Session

from flags.model import EnvironmentView
from flags.storage import segments, states, unit_sets


def remove_unused_sets(session: Session, at: EnvironmentView, *, before: datetime) -> int:
    """Delete the sets made before an instant that neither flags nor segments refer to; how many."""
    used = {digest for each in segments.segments(session, at) for digest in (*each.included, *each.excluded)}
    for state in states.with_kept(session, at.id):
        used.update(digest for each in state.kept for digest in each.kept.units)
    return unit_sets.remove_unused(session, at.id, used, before=before)
