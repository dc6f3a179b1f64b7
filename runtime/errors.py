"""Everything a caller can get wrong, as one tree.

PointsmanError
├── Invalid          a field's value is not acceptable; says which field and what would be
├── NotFound         nothing by that name
├── Conflict         somebody else changed it first; carries both versions
├── Locked           it may not change now; says why
│   └── ApprovalRequired  it changes only by an approved change request
│       └── TooFewApprovals  which this request is not yet
├── Unauthenticated  who is asking is unknown
├── Forbidden        who is asking may not
├── TooMany          too often, or too many at once; says when to come back
└── Busy             not now, though nothing is wrong with it; says when to come back
"""

from collections.abc import Mapping
from typing import Any


class PointsmanError(Exception):
    """Root of the errors that people and programs are told about."""

    code = "error"

    def details(self) -> dict[str, Any]:
        """The fields of the JSON answer beside ``code`` and ``message``."""
        return {}


class Invalid(PointsmanError):
    """``field`` (a dotted path) has a ``problem`` (which names the fix)."""

    code = "invalid"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field, self.problem = field, problem

    def details(self) -> dict[str, Any]:
        return {"field": self.field}


class NotFound(PointsmanError):
    """No ``kind`` is called ``key``."""

    code = "not_found"

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"there is no {kind} {key!r}")
        self.kind, self.key = kind, key

    def details(self) -> dict[str, Any]:
        return {"kind": self.kind, "key": self.key}


class Conflict(PointsmanError):
    """``subject`` is at version ``actual``, not the ``expected`` one; ``theirs`` is how it stands now."""

    code = "conflict"

    def __init__(self, subject: str, expected: int, actual: int, theirs: Mapping[str, Any]) -> None:
        super().__init__(
            f"{subject} was changed by somebody else: you edited version {expected}, it is now at {actual}"
        )
        self.subject, self.expected, self.actual, self.theirs = subject, expected, actual, dict(theirs)

    def details(self) -> dict[str, Any]:
        return {"expected_version": self.expected, "actual_version": self.actual, "theirs": self.theirs}


class Locked(PointsmanError):
    """``subject`` may not change now."""

    code = "locked"

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(f"{subject} is locked: {reason}")
        self.subject, self.reason = subject, reason


class ApprovalRequired(Locked):
    """Changes of ``subject`` need ``required`` approvals; this one has fewer."""

    code = "approval_required"

    def __init__(self, subject: str, required: int) -> None:
        people = "one other person" if required == 1 else f"{required} other people"
        super().__init__(
            subject,
            f"a change here must be approved by {people}; open a change request. "
            "Switching a flag off is always allowed at once",
        )
        self.required = required

    def details(self) -> dict[str, Any]:
        return {"required_approvers": self.required}


class TooFewApprovals(ApprovalRequired):
    """Change request ``number`` has ``found`` of the ``required`` approvals."""

    def __init__(self, number: int, found: int, required: int) -> None:
        super().__init__(f"change request {number}", required)
        self.args = (f"change request {number} has {found} of the {required} approvals a change here needs",)


class Unauthenticated(PointsmanError):
    """No valid credentials came with the request."""

    code = "unauthenticated"


class Forbidden(PointsmanError):
    """The credentials are valid but do not allow this."""

    code = "forbidden"


class TooMany(PointsmanError):
    """Whoever asks has reached a limit; it may ask again in ``retry_after_s`` whole seconds."""

    code = "too_many_requests"

    def __init__(self, problem: str, *, retry_after_s: int) -> None:
        super().__init__(problem)
        self.retry_after_s = retry_after_s


class Busy(PointsmanError):
    """It could not be done now, and nothing of it was; come back in ``retry_after_s`` whole seconds."""

    code = "busy"

    def __init__(self, problem: str, *, retry_after_s: int) -> None:
        super().__init__(problem)
        self.retry_after_s = retry_after_s
