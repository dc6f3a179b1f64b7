"""Words of forgetting: a unit that asked for it, and how far its request has come."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from runtime.actors import Actor


class Stage(StrEnum):
    """How far a request has come."""

    WAITING = "waiting"
    """Assignments are gone; the event tables still hold the unit's events."""
    CLEARED = "cleared"
    """No event table holds an event of the unit; files that were replaced stay for their readers."""
    DONE = "done"
    """The replaced files are gone too, and so is the unit's name from the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetRequest:
    """One request. ``unit`` is None once it is done; the digest stays."""

    id: int
    project: str
    unit: str | None
    digest: str
    asked_at: datetime
    by: Actor
    assignments: int
    """How many were deleted at once."""
    events: int
    """How many rows of the event tables were deleted so far."""
    cleared_at: datetime | None
    done_at: datetime | None

    @property
    def stage(self) -> Stage:
        """How far it has come."""
        if self.done_at is not None:
            return Stage.DONE
        return Stage.WAITING if self.cleared_at is None else Stage.CLEARED


def unit_digest(unit: str) -> str:
    """16 hexadecimal digits that stand for a unit where its name must not: in the audit log, in requests."""
    return hashlib.sha256(unit.encode()).hexdigest()[:16]
