"""The words of a ruleset, as values: what SDKs evaluate and the server compiles. No behaviour, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    Every other operator needs the type its name begins with. A missing attribute or one of another type
    never matches, under any operator, NOT_* included; only ``EXISTS`` and a negated node ask the opposite.
    docs/reference/conditions.md pins each operator's answers.
    """

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    IN = "in"
    NOT_IN = "not_in"
    EXISTS = "exists"
    """One value, true or false: whether the attribute is there and not null."""
    NUMBER_LT = "number_lt"
    NUMBER_LE = "number_le"
    NUMBER_GT = "number_gt"
    NUMBER_GE = "number_ge"
    TEXT_STARTS = "text_starts"
    TEXT_ENDS = "text_ends"
    TEXT_CONTAINS = "text_contains"
    TEXT_LT = "text_lt"
    TEXT_GT = "text_gt"
    TEXT_MATCHES = "text_matches"
    """RE2 syntax, found anywhere in the text; anchors are the author's."""
    DATE_LT = "date_lt"
    DATE_LE = "date_le"
    DATE_GT = "date_gt"
    DATE_GE = "date_ge"
    """RFC 3339 text with an offset, or a plain date, which is its midnight in UTC."""
    SEMVER_EQ = "semver_eq"
    SEMVER_LT = "semver_lt"
    SEMVER_LE = "semver_le"
    SEMVER_GT = "semver_gt"
    SEMVER_GE = "semver_ge"
    """Precedence of Semantic Versioning 2.0.0; build metadata is ignored, a leading ``v`` too."""
    IP_IN = "ip_in"
    IP_NOT_IN = "ip_not_in"
    """Networks in CIDR notation, IPv4 and IPv6."""
    LIST_ANY = "list_any"
    LIST_ALL = "list_all"
    """The attribute is a list that holds any, or every one, of the values (compared as EQUALS does)."""


Scalar = bool | int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """``attribute operator values``.

    ``attribute`` is a context's key, or a dotted path into nested objects where there is no such key.
    One value for every operator but IN, NOT_IN, IP_IN, IP_NOT_IN, LIST_ANY and LIST_ALL.
    """

    attribute: str
    operator: Operator
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every node holds. Never empty."""

    nodes: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one node holds. Never empty."""

    nodes: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The node does not hold: also where its attribute is missing or of the wrong type."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class InSegment:
    """The unit belongs to the ruleset's segment of this key."""

    segment: str


@dataclass(frozen=True, slots=True)
class Serves:
    """Another flag of the ruleset serves one of these variants to the same unit and context.

    What a flag serves while it is off counts as what it serves.
    """

    flag: str
    variants: tuple[str, ...]


Node: TypeAlias = Condition | AllOf | AnyOf | Not | InSegment | Serves


class Scheme(StrEnum):
    """Published ways from a unit to a bucket; each is a pure function, pinned by vectors."""

    POINTSMAN = "pointsman"
    GROWTHBOOK_V1 = "growthbook-v1"
    GROWTHBOOK_V2 = "growthbook-v2"
    UNLEASH = "unleash"
    UNLEASH_VARIANT = "unleash-variant"
    LAUNCHDARKLY = "launchdarkly"
    FLAGD = "flagd"
    """The text itself, as flagd hashed before its CBOR encoding."""
    FLAGD_CBOR = "flagd-cbor"
    """CBOR of the text ``seed + unit``: an explicit ``cat`` of openfeature-flagd-core 2."""
    FLAGD_CBOR_PAIR = "flagd-cbor-pair"
    """CBOR of the list ``[seed, unit]``: the shorthand of openfeature-flagd-core 2, seed the flag's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashing:
    """How a unit gets its bucket, an integer in ``0..buckets - 1``.

    ``seed`` is the scheme's own (a salt, a group id). ``attribute``: hash this attribute of the context
    instead of the unit; None: the unit.
    """

    scheme: Scheme = Scheme.POINTSMAN
    seed: str
    buckets: int = 100_000
    attribute: str | None = None


class Range(NamedTuple):
    """Buckets ``start <= b < end`` belong to ``variant``."""

    start: int
    end: int
    variant: str


Split = tuple[Range, ...]
"""Ordered, contiguous ranges covering every bucket exactly: 0..100_000, or a rule's ``hashing.buckets``."""


class GateKind(StrEnum):
    """What a gate is for; evaluation treats them alike, ``explain`` names them."""

    COVERAGE = "coverage"
    """The share of eligible units that enter at all."""
    LAYER = "layer"
    """The slot of a layer: experiments of one layer exclude each other."""
    HOLDOUT = "holdout"
    """Everybody but the share that is kept out of every experiment."""


class Span(NamedTuple):
    """Buckets ``start <= b < end``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A draw of its own, independent of the split: units whose bucket lies in one of the spans pass."""

    kind: GateKind
    name: str
    """What people call it: the layer's or holdout's key; empty for coverage."""
    hashing: Hashing
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From ``start`` until just before ``end``, in whole seconds since 1970 (UTC); None: unbounded."""

    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """First matching rule wins; it matches in its window, when every condition and gate holds (none: always).

    ``hashing`` None means the flag's own salt under the scheme ``pointsman``.
    """

    id: str
    conditions: tuple[Node, ...]
    split: Split
    gates: tuple[Gate, ...] = ()
    window: Window | None = None
    hashing: Hashing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Units of a sticky flag that keep what a former rule gave them, whatever the rules say now.

    A unit for which the former conditions and gates hold, whose bucket lies in ``ranges`` (former owners, in
    order, not covering everything), and which is in one of the unit sets, is served the range's variant.
    """

    rule: str
    epoch: int
    conditions: tuple[Node, ...]
    gates: tuple[Gate, ...]
    hashing: Hashing | None
    ranges: tuple[Range, ...]
    units: tuple[str, ...]
    """Digests of unit sets; a unit in any of them is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """At this instant, in whole seconds since 1970 (UTC), the flag is switched on or off by itself."""

    at: int
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag as it stands in one environment.

    Asked in this order: switched off (``enabled``, as the ``switches`` that are due have left it), an unmet
    prerequisite, an override, a kept unit, the rules, the default.
    """

    key: str
    kind: Kind
    salt: str
    enabled: bool
    version: int
    variants: dict[str, Json]
    off: str
    default: str
    rules: tuple[Rule, ...]
    unit_type: str = "user"
    sticky: bool = False
    epoch: int = 0
    """Counts the changes of a sticky flag that could have moved units."""
    requires: tuple[Serves, ...] = ()
    """Prerequisites: while one does not hold the off variant serves."""
    overrides: dict[str, str] = field(default_factory=dict)
    """Units that get a variant of their own."""
    kept: tuple[Kept, ...] = ()
    """Oldest first; the first that holds serves."""
    switches: tuple[Switch, ...] = ()
    """In order of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A reusable set of units: not one of the excluded, and either included or meeting every condition.

    A segment without conditions has only its included units.
    """

    key: str
    conditions: tuple[Node, ...] = ()
    included: tuple[str, ...] = ()
    """Digests of unit sets."""
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """One environment's flags at one revision. Immutable; SDKs swap it whole."""

    project: str
    environment: str
    revision: int
    flags: Mapping[str, Flag]
    segments: dict[str, Segment] = field(default_factory=dict)
