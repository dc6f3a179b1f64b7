"""The words of a ruleset, as values: what SDKs evaluate and the server compiles. No behaviour, no I/O."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""Any JSON value."""


class Kind(StrEnum):
    """What every variant's payload of a flag must be."""

    BOOLEAN = "boolean"
    STRING = "string"
    NUMBER = "number"
    JSON = "json"
    MODEL = "model"


class Operator(StrEnum):
    """How a condition compares the unit's attribute with its values.

    ``EQUALS`` and ``IN`` compare JSON scalars strictly: text with text (exact code points, no case
    folding or normalisation), number with number (1 equals 1.0), boolean with boolean (true is not 1).
    The ``NUMBER_*`` operators need a number (not a boolean), the ``TEXT_*`` operators need text.
    A missing attribute or one of another type never matches, under any operator, NOT_* included.
    """

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    IN = "in"
    NOT_IN = "not_in"
    NUMBER_LT = "number_lt"
    NUMBER_LE = "number_le"
    NUMBER_GT = "number_gt"
    NUMBER_GE = "number_ge"
    TEXT_STARTS = "text_starts"
    TEXT_ENDS = "text_ends"
    TEXT_CONTAINS = "text_contains"
    TEXT_LT = "text_lt"
    TEXT_GT = "text_gt"


Scalar = bool | int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """``attribute operator values``; one value for every operator but IN and NOT_IN."""

    attribute: str
    operator: Operator
    values: tuple[Scalar, ...]


class Range(NamedTuple):
    """Buckets ``start <= b < end`` belong to ``variant``."""

    start: int
    end: int
    variant: str


Split = tuple[Range, ...]
"""Ordered, contiguous ranges covering 0..100_000 exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """First matching rule wins; it matches when every condition holds (none: always)."""

    id: str
    conditions: tuple[Condition, ...]
    split: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag as it stands in one environment."""

    key: str
    kind: Kind
    salt: str
    enabled: bool
    version: int
    variants: dict[str, Json]
    off: str
    default: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """One environment's flags at one revision. Immutable; SDKs swap it whole."""

    project: str
    environment: str
    revision: int
    flags: dict[str, Flag]
