"""Words of the store of assignments: enrolments on their way in, and what is remembered of a unit."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from runtime.actors import Actor


class EnrolledBy(StrEnum):
    """How the unit came to its variant."""

    EXPOSURE = "exposure"
    """An SDK logged that the unit met it."""
    RESOLUTION = "resolution"
    """Somebody asked the service to assign it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """One unit to be remembered with its variant.

    ``rule`` gave it, in ``epoch``; ``bucket`` is the unit's under that rule (None: it buckets another
    attribute). ``unit_hash`` is the unsigned hash of the unit in unit sets of the flag's salt.
    """

    unit_type: str
    unit: str
    variant: str
    rule: str
    epoch: int
    bucket: int | None
    unit_hash: int
    at: datetime
    reason: EnrolledBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A stored assignment. ``id`` grows in the order of writing."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentChange:
    """A unit was given another variant on purpose."""

    environment: str
    flag: str
    unit: str
    before: str
    after: str
    epoch: int
    at: datetime
    actor: Actor
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitView:
    """Everything remembered of one unit in a project."""

    unit: str
    assignments: tuple[Assignment, ...]
    changes: tuple[AssignmentChange, ...]
