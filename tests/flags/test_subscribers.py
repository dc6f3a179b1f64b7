"""How notices reach subscribers; the clock is the queue itself, so nothing waits."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from flags.web.subscribers import Subscriber, Subscribers, announce


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 10))


def test_each_hears_of_its_own_environment() -> None:
    async def scene() -> None:
        ours, theirs = Subscriber(1, 7), Subscriber(2, 3)

        announce([ours, theirs], {1: 8, 2: 3})

        assert await ours.next(1) == 8
        with pytest.raises(TimeoutError):
            await theirs.next(0)

    run(scene())


def test_a_restored_database_is_a_change_too() -> None:
    async def scene() -> None:
        subscriber = Subscriber(1, 7)

        announce([subscriber], {1: 5})

        assert await subscriber.next(1) == 5

    run(scene())


def test_a_holder_of_a_revoked_key_is_sent_away() -> None:
    async def scene() -> None:
        subscriber = Subscriber(1, 7)

        announce([subscriber], {})

        assert await subscriber.next(1) is None

    run(scene())


def test_a_slow_reader_costs_bounded_memory_and_gets_the_newest() -> None:
    async def scene() -> None:
        subscriber = Subscriber(1, 0)

        for revision in range(1, 10_001):
            announce([subscriber], {1: revision})

        heard = [await subscriber.next(1) for _ in range(8)]
        assert heard == list(range(9_993, 10_001))
        with pytest.raises(TimeoutError):
            await subscriber.next(0)

    run(scene())


def test_whoever_leaves_is_forgotten_and_whoever_comes_too_late_is_sent_away() -> None:
    async def scene() -> None:
        subscribers = Subscribers()
        with subscribers.joined(Subscriber(1, 1)) as _:
            assert len(subscribers) == 1
        assert subscribers.listening() == ()

        subscribers.close()
        late = Subscriber(1, 1)
        with subscribers.joined(late):
            assert await late.next(1) is None

    run(scene())
