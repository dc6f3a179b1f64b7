"""What the flags house shows of its tables: frozen views, and the drafts that commands take."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from pointsman.core.model import Condition, Flag, Json, Kind, Rule
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
    """One environment; ``revision`` counts the changes of its ruleset."""

    id: int
    project: str
    key: str
    name: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagView:
    """What a flag is in every environment. ``version`` counts its edits, archiving included."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagState:
    """How a flag serves in one environment. ``version`` counts every change of what it serves there.

    ``next_rule`` numbers the next new rule, so that a removed rule's id never comes back.
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

    ``before`` is None for a flag that was not served yet, ``after`` for one that no longer is.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagEdit:
    """New values for a flag; None leaves one as it is."""

    name: str | None = None
    description: str | None = None
    variants: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """A rule as people write it: ``weights`` in buckets, summing to 100,000.

    A rule with the ``id`` of a stored one is that rule changed: its units move as little as possible.
    An empty ``id`` asks for a new one.
    """

    weights: Mapping[str, int]
    conditions: tuple[Condition, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targeting:
    """Whom a flag serves what in one environment, whole."""

    rules: tuple[RuleDraft, ...]
    default: str
    off: str


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
    )
