"""Who may object to a change: houses above flags implement `Guard`, app.py hands them to the commands."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from sqlalchemy.orm import Session

from flags.limits import KEPT_UNITS
from flags.model import FlagAt
from pointsman.core.model import Flag
from runtime.actors import Actor


class Action(StrEnum):
    """Every command that changes something, as the audit log names it."""

    CREATE_PROJECT = "project.create"
    CREATE_ENVIRONMENT = "environment.create"
    CREATE_FLAG = "flag.create"
    EDIT_FLAG = "flag.edit"
    TOGGLE_FLAG = "flag.toggle"
    TARGET_FLAG = "flag.target"
    ARCHIVE_FLAG = "flag.archive"
    RESTORE_FLAG = "flag.restore"
    CREATE_SEGMENT = "segment.create"
    EDIT_SEGMENT = "segment.edit"
    DELETE_SEGMENT = "segment.delete"
    CREATE_LAYER = "layer.create"
    DELETE_LAYER = "layer.delete"
    SET_HOLDOUT = "holdout.set"
    KEEP_LATE = "flag.keep"
    RERANDOMISE = "flag.rerandomise"
    FORGET_UNIT = "unit.forget"
    REVERT_FLAG = "flag.revert"
    SET_APPROVERS = "environment.approvers"
    WRITE_CHANGE = "change.write"
    SUBMIT_CHANGE = "change.submit"
    APPROVE_CHANGE = "change.approve"
    REJECT_CHANGE = "change.reject"
    WITHDRAW_CHANGE = "change.withdraw"
    SCHEDULE_CHANGE = "change.schedule"
    UNSCHEDULE_CHANGE = "change.unschedule"
    REBASE_CHANGE = "change.rebase"
    PUBLISH_CHANGE = "change.publish"
    FAIL_CHANGE = "change.fail"
    WRITE_BUNDLE = "bundle.write"
    APPLY_PROJECT = "project.apply"
    CREATE_KEY = "key.create"
    REVOKE_KEY = "key.revoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is about to happen to one flag in one environment.

    ``before`` and ``after`` are the flag as the ruleset serves it; None: not served (not created yet,
    archived). ``action`` is never one of a project, an environment or a key.
    """

    action: Action
    at: FlagAt
    before: Flag | None
    after: Flag | None


class Guard(Protocol):
    """An opinion on changes of flags.

    Called inside the transaction, after validation and before anything is written, once for each
    environment touched. It reads through ``session`` and writes nothing.
    """

    def check(self, session: Session, change: Change) -> None:
        """Return to let it pass. runtime.errors.Locked: it may not happen now; says why."""
        ...


Guards: TypeAlias = tuple[Guard, ...]


class Waiting(Protocol):
    """Exposures that were acknowledged but are not enrolled yet: the house that takes them in knows them."""

    def enrol(self, session: Session, project: str, environment_id: int, flags: frozenset[str]) -> int:
        """Enrol whoever waits for one of these sticky flags; 0, or how many events were too many to look at.

        Called inside the transaction of a command that has locked the environment. To be repeated without
        harm by whoever brings the same exposures again. Too many: nobody was enrolled.
        """
        ...


@dataclass(frozen=True, slots=True)
class By:
    """Who changes something, why, and who may object.

    ``approvals``: how many people have approved this very change; None: it is no published change request.
    """

    actor: Actor
    reason: str = ""
    guards: Guards = ()
    approvals: int | None = None
    kept_units: int = KEPT_UNITS
    """Enrolled units a sticky flag hands out as one filter; for more, applications ask."""
    waiting: Waiting | None = None
    """Who brings acknowledged exposures before a sticky flag's rules change; None: there are none."""
