"""What the flags house shows of its tables: frozen views, and the drafts that commands take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import (
    Flag,
    Gate,
    Hashing,
    Json,
    Kept,
    Kind,
    Node,
    Rule,
    Scheme,
    Serves,
    Span,
    Split,
    Switch,
    Window,
)
from runtime.actors import Actor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FlagAt:
    """One flag in one environment, by keys."""

    project: str
    environment: str
    flag: str

    @property
    def path(self) -> str:
        """The audit log's subject: ``demo/prod/digit-reader``."""
        return f"{self.project}/{self.environment}/{self.flag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectView:
    """A project: flags and environments of one product."""

    id: int
    key: str
    name: str
    description: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentView:
    """One environment; ``revision`` counts the changes of its ruleset.

    ``holdout`` of 100,000 buckets are kept out of every rule that splits its units.
    """

    id: int
    project: str
    key: str
    name: str
    revision: int
    holdout: int = 0
    required_approvers: int = 0
    """How many people must approve a change here before it is published; 0: anybody changes directly."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where to read more about a flag."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagView:
    """What a flag is in every environment. ``version`` counts its edits, archiving included.

    ``unit_type`` names what is randomised; ``scheme`` is how new rules bucket it. ``sticky``: who is enrolled
    keeps the variant through every change. ``schema``: a JSON Schema every payload meets; None: none.
    """

    id: int
    project: str
    key: str
    name: str
    description: str
    kind: Kind
    salt: str
    variants: dict[str, Json]
    version: int
    created_at: datetime
    archived_at: datetime | None
    unit_type: str = "user"
    scheme: Scheme = Scheme.POINTSMAN
    sticky: bool = False
    schema: dict[str, Json] | None = None
    tags: tuple[str, ...] = ()
    owner: str = ""
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSince:
    """A kept entry of a sticky flag, and how much of the store of assignments it has seen.

    ``upto`` is the newest assignment's row id when its first unit sets, ``built``, were made; whom the old
    epoch enrolls later is late, and stands in one more set.
    """

    kept: Kept
    upto: int
    built: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagState:
    """How a flag serves in one environment. ``version`` counts every change of what it serves there.

    ``next_rule`` numbers the next new rule, so that a removed rule's id never comes back. ``epoch`` counts
    the changes of a sticky flag that could have moved units; ``kept`` are those who stay, oldest first.
    ``broken`` says what of it is stored so that it cannot be read, such as a newer release's rules after
    a downgrade: that part is empty here, and stays as it is stored until it is replaced. Empty: nothing.
    """

    flag_id: int
    environment_id: int
    environment: str
    enabled: bool
    off: str
    default: str
    rules: tuple[Rule, ...]
    next_rule: int
    version: int
    overrides: dict[str, str] = field(default_factory=dict)
    requires: tuple[Serves, ...] = ()
    switches: tuple[Switch, ...] = ()
    epoch: int = 0
    kept: tuple[KeptSince, ...] = ()
    broken: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagDetail:
    """A flag with its state in every environment, in the environments' order."""

    flag: FlagView
    states: tuple[FlagState, ...]

    def state(self, environment: str) -> FlagState:
        """The state in that environment. KeyError: no such environment."""
        for state in self.states:
            if state.environment == environment:
                return state
        raise KeyError(environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some of ``total`` things, beginning at ``offset``."""

    items: tuple[T, ...]
    total: int
    offset: int


class KeyKind(StrEnum):
    """What an SDK key opens."""

    SERVER = "server"
    """The whole ruleset: rules, splits and payloads. For programs whose files nobody else reads."""
    CLIENT = "client"
    """Evaluations only, never rules. For browsers and phones, where anybody can read the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkKeyView:
    """An SDK's right to one environment. The secret itself is stored nowhere; ``prefix`` is its beginning."""

    id: int
    project: str
    environment: str
    name: str
    kind: KeyKind
    prefix: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSdkKey:
    """A key just made; ``secret`` is shown this once."""

    key: SdkKeyView
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesetId:
    """Which ruleset an environment serves now.

    ``stamp`` is random and new with each revision, so that two databases (or one restored from a backup)
    never share an id although their revisions are equal.
    """

    environment_id: int
    revision: int
    stamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkAccess:
    """What an SDK key opens, and the ruleset that is current there."""

    key_id: int
    kind: KeyKind
    project: str
    environment: str
    ruleset: RulesetId

    @property
    def environment_id(self) -> int:
        """The environment whose events and ruleset this is."""
        return self.ruleset.environment_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One change of an environment's ruleset: the flag before and after, in the ruleset's wire form.

    ``before`` is None for a flag that was not served yet, ``after`` for one that no longer is. ``flag`` is
    empty where something else was changed; ``subject`` then says what (``segment:staff``, ``holdout``).
    """

    project: str
    environment: str
    revision: int
    at: datetime
    actor: Actor
    action: str
    flag: str
    reason: str
    before: dict[str, Json] | None
    after: dict[str, Json] | None
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFlag:
    """A flag to be, switched off everywhere. Empty ``off`` or ``default``: the first variant."""

    key: str
    kind: Kind
    variants: Mapping[str, Json]
    name: str = ""
    description: str = ""
    off: str = ""
    default: str = ""
    unit_type: str = "user"
    scheme: Scheme = Scheme.POINTSMAN
    sticky: bool = False
    schema: Mapping[str, Json] | None = None
    salt: str = ""
    """Empty: made of the keys, so that the same flag on two installations assigns alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagEdit:
    """New values for a flag; None leaves one as it is. An empty ``schema`` takes the schema away.

    ``moves`` says, for a variant that goes, which one the units get that kept it.
    """

    name: str | None = None
    description: str | None = None
    variants: Mapping[str, Json] | None = None
    unit_type: str | None = None
    sticky: bool | None = None
    schema: Mapping[str, Json] | None = None
    moves: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] | None = None
    owner: str | None = None
    links: tuple[Link, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerShare:
    """A rule's room in a layer: ``share`` of its 100,000 buckets, which no other flag there has.

    ``spans``: which buckets exactly, in a copy of what was written down; empty: those it has, or free ones.
    """

    layer: str
    share: int
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """A rule as people write it: ``weights`` sum to ``buckets``, 100,000 unless the rule has its own.

    A rule with the ``id`` of a stored one is that rule changed: its units move as little as possible.
    An empty ``id`` asks for a new one. ``coverage`` is the share of eligible units that enter, in buckets.
    ``hashing`` and ``gates`` are for what was imported and buckets by another vendor's scheme: None and empty
    keep what a stored rule has, and mean the flag's own scheme for a new one. ``ranges`` are for a copy of
    what was written down: they serve as they are if they hold the weights, else a new rule starts from them.
    """

    weights: Mapping[str, int]
    conditions: tuple[Node, ...] = ()
    id: str = ""
    coverage: int = BUCKETS
    layer: LayerShare | None = None
    window: Window | None = None
    hashing: Hashing | None = None
    gates: tuple[Gate, ...] = ()
    buckets: int = BUCKETS
    ranges: Split = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Targeting:
    """Whom a flag serves what in one environment, whole.

    ``overrides`` gives single units a variant. While one of ``requires`` is unmet the off variant serves.
    ``switches`` switch the flag on and off at instants, by the clock of whoever evaluates.
    """

    rules: tuple[RuleDraft, ...]
    default: str
    off: str
    overrides: Mapping[str, str] = field(default_factory=dict)
    requires: tuple[Serves, ...] = ()
    switches: tuple[Switch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentView:
    """A reusable set of units in one environment. The counts are of ids listed by hand."""

    id: int
    project: str
    environment: str
    key: str
    name: str
    description: str
    conditions: tuple[Node, ...]
    included: tuple[str, ...]
    excluded: tuple[str, ...]
    included_count: int
    excluded_count: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDraft:
    """A segment as people write it. Lists of None stay as they are stored; new ones replace them."""

    key: str
    name: str = ""
    description: str = ""
    conditions: tuple[Node, ...] = ()
    included: tuple[str, ...] | None = None
    excluded: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerView:
    """A layer of one environment: rules with room in it exclude each other. ``free`` buckets of 100,000."""

    id: int
    project: str
    environment: str
    key: str
    name: str
    seed: str
    free: int
    users: tuple["LayerUse", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerUse:
    """Who has room in a layer: ``share`` buckets of 100,000 for one rule."""

    flag: str
    rule: str
    share: int


def served(flag: FlagView, state: FlagState) -> Flag | None:
    """The flag as the environment's ruleset holds it; None: archived flags are not served."""
    if flag.archived_at is not None:
        return None
    return Flag(
        key=flag.key,
        kind=flag.kind,
        salt=flag.salt,
        enabled=state.enabled,
        version=state.version,
        variants=flag.variants,
        off=state.off,
        default=state.default,
        rules=state.rules,
        unit_type=flag.unit_type,
        sticky=flag.sticky,
        epoch=state.epoch,
        requires=state.requires,
        overrides=state.overrides,
        kept=tuple(each.kept for each in state.kept),
        switches=state.switches,
    )
