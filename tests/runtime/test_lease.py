"""One worker at a time, and the next one takes over."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from runtime import lease
from runtime.database import Database

LIFE = timedelta(seconds=10)


def test_the_second_to_ask_does_not_get_the_lease(database: Database, now: datetime) -> None:
    assert lease.take(database, "worker", "a", life=LIFE, now=now)

    assert not lease.take(database, "worker", "b", life=LIFE, now=now)


def test_the_holder_renews_and_so_keeps_others_out(database: Database, now: datetime) -> None:
    lease.take(database, "worker", "a", life=LIFE, now=now)

    assert lease.take(database, "worker", "a", life=LIFE, now=now + timedelta(seconds=9))

    assert not lease.take(database, "worker", "b", life=LIFE, now=now + timedelta(seconds=12))


def test_a_lease_whose_holder_died_is_taken_when_its_time_is_out(database: Database, now: datetime) -> None:
    lease.take(database, "worker", "a", life=LIFE, now=now)

    assert lease.take(database, "worker", "b", life=LIFE, now=now + LIFE)

    assert not lease.take(database, "worker", "a", life=LIFE, now=now + LIFE)


def test_a_lease_given_back_is_free_at_once(database: Database, now: datetime) -> None:
    lease.take(database, "worker", "a", life=LIFE, now=now)

    lease.give_back(database, "worker", "a")

    assert lease.take(database, "worker", "b", life=LIFE, now=now)


def test_nobody_gives_back_what_another_holds(database: Database, now: datetime) -> None:
    lease.take(database, "worker", "a", life=LIFE, now=now)

    lease.give_back(database, "worker", "b")

    assert not lease.take(database, "worker", "b", life=LIFE, now=now)


def test_of_many_that_ask_at_once_exactly_one_gets_it(database: Database, now: datetime) -> None:
    names = [f"holder-{number}" for number in range(16)]

    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda name: lease.take(database, "worker", name, life=LIFE, now=now), names))

    assert sum(got) == 1
