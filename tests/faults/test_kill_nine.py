"""100,000 acknowledged events survive kill -9 of web and worker, resends and shuffling: each counts once."""

import gzip
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import urllib3
from deltalake import DeltaTable

from experiments.events.storage import backlog
from experiments.metrics import proportion
from tests.flows.making import running_experiment
from tests.platform import PATIENCE_S, Platform, opened, platform, wait_until

BATCHES, EVENTS_EACH, MOST_SENDINGS = 200, 500, 5
KILLS = 8
_SENDERS = 4
_RETRY_S = 0.05


@dataclass
class Traffic:
    """Batches to send, each one to five times, and how many answers came back."""

    url: str
    key: str
    dice: random.Random
    bodies: list[bytes] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    acknowledged: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self) -> None:
        """Fix every batch, and an order in which each is sent up to five times."""
        now_us = time.time_ns() // 1_000
        for number in range(BATCHES):
            units = [f"u{number}-{index}" for index in range(EVENTS_EACH)]
            events = [
                {"type": "outcome", "at_us": now_us, "unit": unit, "name": "click", "value": 1}
                for unit in units
            ]
            body = json.dumps({"batch": f"{number:032x}", "events": events}).encode()
            self.bodies.append(gzip.compress(body, 1))
            self.order += [number] * self.dice.randint(1, MOST_SENDINGS)
        self.dice.shuffle(self.order)

    def send(self, number: int) -> None:
        """Send one batch until the server acknowledges it."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Encoding": "gzip"}
        deadline = time.monotonic() + PATIENCE_S
        with urllib3.PoolManager(retries=False, timeout=10.0) as pool:
            while True:
                try:
                    answer = pool.request(
                        "POST", f"{self.url}/v1/events", body=self.bodies[number], headers=headers
                    )
                except urllib3.exceptions.HTTPError:
                    assert time.monotonic() < deadline, "the web server never came back"
                    threading.Event().wait(_RETRY_S)
                    continue
                assert answer.status == 200, answer.data
                assert answer.json()["accepted"] == EVENTS_EACH
                break
        with self.lock:
            self.acknowledged[number] += 1

    @property
    def answers(self) -> int:
        """Acknowledgements so far."""
        return self.acknowledged.total()


def kill_at_random_moments(running: Platform, traffic: Traffic) -> None:
    """Kill web or worker whenever traffic passes one of a few random marks, and start it again."""
    marks = sorted(traffic.dice.sample(range(10, len(traffic.order) - 10), KILLS))
    for mark in marks:
        wait_until(lambda mark=mark: traffic.answers >= mark, f"answer {mark}", patience_s=120)  # type: ignore[misc]
        victim = traffic.dice.choice(("web", "worker"))
        running.kill(victim)
        running.start(victim)


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", [20261121])
def test_every_acknowledged_event_counts_once_whatever_is_killed(tmp_path: Path, seed: int) -> None:
    with platform(tmp_path) as running, opened(running.settings) as database:
        key = running_experiment(database, "f", ("v1", "v2"), (proportion("click"),)).sdk_key
        running.start("web", "worker")
        running.wait_until_ready()
        traffic = Traffic(running.settings.base_url, key, random.Random(seed))
        traffic.prepare()

        with ThreadPoolExecutor(_SENDERS) as pool:
            killer = threading.Thread(target=kill_at_random_moments, args=(running, traffic))
            killer.start()
            list(pool.map(traffic.send, traffic.order))
            killer.join()

        def drained() -> bool:
            with database.reading() as session:
                return backlog(session).events == 0

        wait_until(drained, "the last event in the lake", patience_s=120)
        assert set(traffic.acknowledged) == set(range(BATCHES))
        units = DeltaTable(str(running.settings.lake_dir / "outcomes")).to_pyarrow_table()["unit"].to_pylist()
        assert sorted(units) == sorted(every_unit())


def every_unit() -> Iterator[str]:
    for number in range(BATCHES):
        for index in range(EVENTS_EACH):
            yield f"u{number}-{index}"
