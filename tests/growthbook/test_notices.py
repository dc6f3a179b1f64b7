"""What listeners are told, and how often it is written."""

import asyncio

from flags.model import KeyKind, RulesetId, SdkAccess
from flags.web.protocols.growthbook_notices import FeatureNotices
from runtime.errors import Unauthenticated


def access(revision: int, stamp: str = "s") -> SdkAccess:
    """A key's, when its holder came."""
    ruleset = RulesetId(environment_id=1, revision=revision, stamp=stamp)
    return SdkAccess(key_id=1, kind=KeyKind.CLIENT, project="demo", environment="prod", ruleset=ruleset)


class Written:
    """A source that counts how often it is asked."""

    def __init__(self, revision: int, body: bytes = b'{"features":{}}', stamp: str = "s") -> None:
        self.id = access(revision, stamp).ruleset
        self.body, self.times = body, 0

    def __call__(self, _access: SdkAccess) -> tuple[RulesetId, bytes]:
        self.times += 1
        return self.id, self.body


def test_a_revision_is_written_once_for_all_who_listen() -> None:
    written = Written(8)
    notices = FeatureNotices(written)

    async def all_told() -> list[str]:
        return await asyncio.gather(*(notices.of(access(7), 8) for _ in range(100)))

    told = asyncio.run(all_told())

    assert told == ['event: features\nid: 8\ndata: {"features":{}}\n\n'] * 100
    assert written.times == 1


def test_who_asks_for_a_revision_that_is_over_gets_the_newest_once_written() -> None:
    written = Written(9)
    notices = FeatureNotices(written)

    async def both() -> tuple[str, str]:
        return await notices.of(access(7), 8), await notices.of(access(7), 9)

    first, second = asyncio.run(both())

    assert "id: 9\n" in first
    assert (first, written.times) == (second, 1)


def test_a_restored_database_at_the_same_revision_is_written_again() -> None:
    written = Written(8, b"old", stamp="before")
    notices = FeatureNotices(written)

    async def both() -> tuple[str, str]:
        before = await notices.of(access(8, "before"), 8)
        written.id, written.body = access(8, "after").ruleset, b"new"
        return before, await notices.of(access(8, "after"), 8)

    before, after = asyncio.run(both())

    assert ("data: old" in before, "data: new" in after) == (True, True)


def test_of_a_large_payload_listeners_are_told_only_that_it_is_there() -> None:
    notices = FeatureNotices(Written(8, b"x" * 64_001))

    assert asyncio.run(notices.of(access(7), 8)) == "event: features-updated\nid: 8\ndata: {}\n\n"


def test_what_cannot_be_written_is_left_to_be_asked_for() -> None:
    def revoked(_access: SdkAccess) -> tuple[RulesetId, bytes]:
        raise Unauthenticated("the key behind this address is revoked")

    notices = FeatureNotices(revoked)

    assert asyncio.run(notices.of(access(7), 8)).startswith("event: features-updated\nid: 8\n")
