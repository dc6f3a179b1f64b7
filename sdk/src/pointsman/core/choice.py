"""The answer to "which variant?": what serves, and why."""

from enum import StrEnum
from typing import Any, NamedTuple


class Reason(StrEnum):
    """Why this variant."""

    OFF = "OFF"
    """The flag is switched off here: its off variant."""
    DEFAULT = "DEFAULT"
    """No rule matched: the flag's default variant."""
    TARGETING_MATCH = "TARGETING_MATCH"
    """A rule matched that gives everyone one variant."""
    SPLIT = "SPLIT"
    """A rule matched and the unit's bucket chose."""
    PREREQUISITE = "PREREQUISITE"
    """Another flag does not serve what this one requires: the off variant."""
    OVERRIDE = "OVERRIDE"
    """The flag names this very unit."""
    STICKY = "STICKY"
    """The unit keeps what it had before the rules changed."""
    ERROR = "ERROR"
    """Something was wrong, see the error: the caller's default."""


class ErrorCode(StrEnum):
    """What was wrong. The codes are OpenFeature's."""

    PROVIDER_NOT_READY = "PROVIDER_NOT_READY"
    """No ruleset has arrived yet, from the server or the disk."""
    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"
    TARGETING_KEY_MISSING = "TARGETING_KEY_MISSING"
    """The unit is empty, or neither text nor an integer."""
    INVALID_CONTEXT = "INVALID_CONTEXT"
    """The context is not a mapping. (Values of the wrong type are no error: they match nothing.)"""
    GENERAL = "GENERAL"


class Choice(NamedTuple):
    """Which variant serves this unit, and why. Immutable; ``value`` is shared, so it is read-only too."""

    flag: str
    unit: str
    """As it is bucketed and logged: an integer unit is its decimal text."""
    # Any beside str: None only when the caller's own default was not text, which callers can rule out.
    variant: str | Any
    """The variant's name. On an error the caller's default if that is text, else None."""
    value: Any
    """The variant's payload; the caller's default on an error."""
    reason: Reason
    rule: str | None
    """The id of the rule that matched, or of the former rule whose variant the unit keeps."""
    revision: int | None
    """The revision of the ruleset that answered; None when there was none."""
    error: ErrorCode | None
