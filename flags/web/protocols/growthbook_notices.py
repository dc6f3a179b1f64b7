"""What GrowthBook's SDKs are told on their stream: the features themselves, or that there are new ones."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from flags import queries
from flags.model import RulesetId, SdkAccess
from flags.publisher import Publisher
from flags.web.protocols.growthbook import payload
from pointsman.core.codec import CodecError, decode
from runtime.database import Database
from runtime.errors import PointsmanError

log = logging.getLogger("pointsman.stream")

# The vendor's Python SDK reads no line above 128 kB, and every listener's socket holds a copy. Above this
# SDKs are told to ask, which costs the web process no more than a poll.
_MOST_INLINE: Final = 64_000

Features = Callable[[SdkAccess], tuple[RulesetId, bytes]]
"""The payload that is current for a key, and of which ruleset. May wait; Unauthenticated: revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    asked: int
    id: RulesetId
    event: str

    def answers(self, access: SdkAccess, revision: int) -> bool:
        """Whether it is what a listener wants who came with ``access`` and shall hear of ``revision``."""
        if revision == access.ruleset.revision and self.id.revision == revision:
            return self.id == access.ruleset  # A restored database may come to a revision it had before.
        return revision in (self.asked, self.id.revision)


class FeatureNotices:
    """The events of one process: written once for each revision, whoever listens. For one event loop only."""

    def __init__(self, features: Features) -> None:
        self._features = features
        self._newest: dict[int, _Told] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    async def of(self, access: SdkAccess, revision: int) -> str:
        """The event that brings a listener to the revision, or to a newer one."""
        at = access.environment_id
        async with self._locks.setdefault(at, asyncio.Lock()):
            told = self._newest.get(at)
            if told is None or not told.answers(access, revision):
                try:
                    told = await asyncio.to_thread(self._write, access, revision)
                except (SQLAlchemyError, PointsmanError, CodecError) as error:
                    log.warning("cannot write the features of revision %d: %s", revision, error)
                    return _ask(revision)
                self._newest[at] = told
            return told.event

    def _write(self, access: SdkAccess, revision: int) -> _Told:
        ruleset_id, body = self._features(access)
        inline = len(body) <= _MOST_INLINE
        event = _features(ruleset_id.revision, body) if inline else _ask(ruleset_id.revision)
        return _Told(asked=revision, id=ruleset_id, event=event)


def features_of(database: Database, publisher: Publisher) -> Features:
    """Features as the database has them now."""

    def features(access: SdkAccess) -> tuple[RulesetId, bytes]:
        with database.reading() as session:
            current = queries.access_of_key(session, access.key_id)
            compiled = publisher.current(session, current.ruleset)
        return compiled.id, payload(decode(compiled.body))

    return features


def _features(revision: int, body: bytes) -> str:
    return f"event: features\nid: {revision}\ndata: {body.decode()}\n\n"


def _ask(revision: int) -> str:
    # With data, for a browser passes no event on that has none.
    return f"event: features-updated\nid: {revision}\ndata: {{}}\n\n"
