"""What hot handlers need, in two ways: without ever waiting, or waiting for SQL, Redis and compilers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from flags import queries
from flags.access import Accesses
from flags.cache import CompiledRuleset
from flags.evaluations import Answers, Evaluations
from flags.model import SdkAccess
from flags.publisher import Publisher
from flags.representations import Encoding, Representation, Representations
from runtime.database import Database
from runtime.errors import Unauthenticated
from runtime.web.hot import NeedsThread

if TYPE_CHECKING:
    from flags.redis_sticky import RedisAssignments


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The parts of one process, shared by its threads."""

    database: Database
    publisher: Publisher
    accesses: Accesses
    evaluations: Evaluations = field(default_factory=Evaluations)
    representations: Representations = field(default_factory=Representations)
    remembered: "RedisAssignments | None" = None
    """Stored assignments in front of SQL, where Redis is configured."""


class Source(Protocol):
    """Where a handler takes what it needs from. NeedsThread: not without waiting, and this one never does."""

    def access(self, secret: str | None, *, newer_than: str = "") -> SdkAccess:
        """What a key opens now. Unauthenticated.

        ``newer_than``: a stream said that the ruleset of this tag is current (see ``current_tag``).
        """
        ...

    def representation(self, access: SdkAccess, encoding: Encoding) -> Representation:
        """The ruleset for this key, in this packing."""
        ...

    def answers(self, access: SdkAccess) -> Answers:
        """The evaluation of the key's ruleset."""
        ...

    def stored(self, access: SdkAccess, unit: str) -> Mapping[str, str] | None:
        """The variants this unit keeps, by sticky flag; None: there is no store of them here.

        Only looks: nobody is enrolled by it.
        """
        ...


class AtHand:
    """From memory only: for the event loop."""

    def __init__(self, serving: Serving) -> None:
        self._parts: Final = serving

    def access(self, secret: str | None, *, newer_than: str = "") -> SdkAccess:
        if not secret:
            raise stranger()
        found = self._parts.accesses.at_hand(secret)
        if found is None or newer_than not in ("", current_tag(found)):
            raise NeedsThread
        return found

    def representation(self, access: SdkAccess, encoding: Encoding) -> Representation:
        compiled = self._parts.publisher.at_hand(access.ruleset)
        if compiled is None:
            raise NeedsThread
        found = self._parts.representations.at_hand(compiled, access.kind, encoding)
        if found is None:
            raise NeedsThread
        return found

    def answers(self, access: SdkAccess) -> Answers:
        found = self._parts.evaluations.at_hand(access.ruleset)
        if found is None:
            raise NeedsThread
        return found

    def stored(self, access: SdkAccess, unit: str) -> Mapping[str, str] | None:
        raise NeedsThread


class Waiting:
    """From wherever it is: for a thread."""

    def __init__(self, serving: Serving) -> None:
        self._parts: Final = serving

    def access(self, secret: str | None, *, newer_than: str = "") -> SdkAccess:
        if not secret:
            raise stranger()
        found = self._parts.accesses.at_hand(secret)
        if found is None or newer_than not in ("", current_tag(found)):
            return self._parts.accesses.look_up(secret)
        return found

    def representation(self, access: SdkAccess, encoding: Encoding) -> Representation:
        return self._parts.representations.of(self._compiled(access), access.kind, encoding)

    def answers(self, access: SdkAccess) -> Answers:
        found = self._parts.evaluations.at_hand(access.ruleset)
        return found or self._parts.evaluations.of(
            self._compiled(access), lambda digests: self._unit_sets(access, digests)
        )

    def stored(self, access: SdkAccess, unit: str) -> Mapping[str, str] | None:
        with self._parts.database.reading() as session:
            return queries.stored_of_unit(session, access.environment_id, unit)

    def _unit_sets(self, access: SdkAccess, digests: frozenset[str]) -> dict[str, bytes]:
        with self._parts.database.reading() as session:
            return queries.unit_sets_of(session, access, digests)

    def _compiled(self, access: SdkAccess) -> CompiledRuleset:
        found = self._parts.publisher.at_hand(access.ruleset)
        if found is not None:
            return found
        with self._parts.database.reading() as session:
            return self._parts.publisher.current(session, access.ruleset)


def current_tag(access: SdkAccess) -> str:
    """What names the ruleset that is current, on the event stream of OFREP."""
    return str(access.ruleset.revision)


def stranger() -> Unauthenticated:
    """When no key came at all."""
    return Unauthenticated("send a live SDK key of this environment as 'Authorization: Bearer psk_…'")
