"""The worker runs what is due, survives what fails, and ends when asked."""

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest

from runtime import lease
from runtime.database import Database
from runtime.worker import LEASE, Step, Worker

PATIENCE_S = 20.0


def test_a_step_that_fails_is_logged_and_the_others_still_run(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    ran = threading.Event()

    def broken(_now: datetime) -> bool:
        raise RuntimeError("no luck")

    def working(_now: datetime) -> bool:
        ran.set()
        return False

    worker = Worker(
        database,
        [Step(name="broken", run=broken, every_s=60), Step(name="working", run=working, every_s=60)],
    )

    with caplog.at_level(logging.ERROR):
        more = worker.tick()

    assert ran.is_set()
    assert not more
    assert "step broken failed" in caplog.text


def test_a_step_with_more_to_do_runs_again_at_once_and_an_idle_one_waits(database: Database) -> None:
    calls: list[str] = []

    def busy(_now: datetime) -> bool:
        calls.append("busy")
        return True

    def idle(_now: datetime) -> bool:
        calls.append("idle")
        return False

    worker = Worker(
        database, [Step(name="busy", run=busy, every_s=60), Step(name="idle", run=idle, every_s=60)]
    )

    assert worker.tick()
    assert worker.tick()

    assert calls == ["busy", "idle", "busy"]


def test_stopping_ends_the_loop_and_gives_the_lease_back(database: Database) -> None:
    started = threading.Event()

    def step(_now: datetime) -> bool:
        started.set()
        return False

    worker = Worker(database, [Step(name="step", run=step, every_s=60)])
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert started.wait(PATIENCE_S)

    worker.stop()
    thread.join(PATIENCE_S)

    assert not thread.is_alive()
    assert lease.take(database, LEASE, "next", life=timedelta(seconds=1), now=datetime.now(UTC))


def test_a_worker_without_the_lease_does_nothing_until_it_is_free(database: Database) -> None:
    ran = threading.Event()

    def step(_now: datetime) -> bool:
        ran.set()
        return False

    lease.take(database, LEASE, "other", life=timedelta(hours=1), now=datetime.now(UTC))
    worker = Worker(database, [Step(name="step", run=step, every_s=60)])
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert not ran.wait(1.0)

    lease.give_back(database, LEASE, "other")

    assert ran.wait(PATIENCE_S)
    worker.stop()
    thread.join(PATIENCE_S)
