"""Clients that stall, lie, hang up or send too much at once cost nobody else an answer."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3

from experiments.metrics import proportion
from tests.flows.making import running_experiment
from tests.platform import PATIENCE_S, Platform, opened, platform, wait_until

pytestmark = pytest.mark.faults

STALLED = 64
MOST_RESIDENT_BYTES = 150_000_000
# Long enough that a stalled client would outlast every request of a test, short enough to see it end.
_STALL_S = 3


@contextmanager
def serving(folder: Path, *, body_timeout_s: int) -> Iterator[tuple[Platform, str]]:
    """A running web server and an SDK key."""
    with platform(folder) as running, opened(running.settings) as database:
        running.settings = replace(running.settings, body_timeout_s=body_timeout_s)
        key = running_experiment(database, "f", ("v1", "v2"), (proportion("click"),)).sdk_key
        running.start("web")
        running.wait_until_ready()
        yield running, key


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Platform, str]]:
    with serving(tmp_path_factory.mktemp("served"), body_timeout_s=_STALL_S) as found:
        yield found


def head(path: str, *fields: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


ANNOUNCED = "Content-Length: 1000"
STALLS = {
    "nothing at all": b"",
    "half a head": b"POST /v1/events HTT",
    "a head without its end": head("/v1/events", ANNOUNCED)[:-2],
    "a form without its end": head("/sign-in", ANNOUNCED) + b"email=",
    "a batch without its end": head("/v1/events", ANNOUNCED) + b"{",
    "a batch without an announced end": head("/v1/events", "Transfer-Encoding: chunked") + b"5\r\n{",
}


def send(running: Platform, wire: bytes) -> socket.socket:
    connection = socket.create_connection((running.settings.host, running.settings.port), PATIENCE_S)
    connection.sendall(wire)
    return connection


def said(connection: socket.socket) -> bytes:
    """Everything the server says until it hangs up; TimeoutError: it does neither."""
    received = b""
    try:
        while chunk := connection.recv(65_536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def batch(number: int, padding: str = "", events: int = 1) -> bytes:
    at_us = time.time_ns() // 1_000
    event = {"type": "prediction", "at_us": at_us, "flag": "f", "unit": "u", "variant": "v1"}
    made = [event | {"id": f"{number}-{index}", "output": padding} for index in range(events)]
    return gzip.compress(json.dumps({"batch": f"{number:032x}", "events": made}).encode(), 1)


def hand_in(running: Platform, key: str, body: Any, **fields: str) -> urllib3.BaseHTTPResponse:
    headers = {"Authorization": f"Bearer {key}", "Content-Encoding": "gzip"} | fields
    url = f"{running.settings.base_url}/v1/events"
    return urllib3.request("POST", url, body=body, headers=headers, retries=False, timeout=PATIENCE_S)


@pytest.mark.parametrize("what", STALLS)
def test_64_stalled_clients_cost_nobody_an_answer_and_are_sent_away(
    served: tuple[Platform, str], what: str
) -> None:
    running, key = served
    with ExitStack() as held:
        stalled = [held.enter_context(send(running, STALLS[what])) for _ in range(STALLED)]

        statuses = (running.status("/healthz"), running.status("/readyz"))
        taken = hand_in(running, key, batch(list(STALLS).index(what)))

        assert statuses == (200, 200)
        assert taken.status == 200, taken.data
        for connection in stalled:
            end = said(connection)
            assert not end or end.startswith(b"HTTP/1.1 408 "), end


def test_a_stalled_body_is_told_why(served: tuple[Platform, str]) -> None:
    running, _ = served

    with send(running, STALLS["a batch without its end"]) as connection:
        answer = said(connection)

    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert (error["code"], error["field"]) == ("request_timeout", "body")


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_body_that_is_too_large_is_refused(served: tuple[Platform, str], announced: bool) -> None:
    running, key = served
    body = b"x" * 6_000_000

    if announced:
        with send(running, head("/v1/events", f"Content-Length: {len(body)}")) as connection:
            answer = said(connection)
    else:
        with send(running, head("/v1/events", "Transfer-Encoding: chunked")) as connection:
            try:
                for start in range(0, len(body), 100_000):
                    connection.sendall(b"186a0\r\n" + body[start : start + 100_000] + b"\r\n")
            except OSError:
                pass  # It hung up as soon as it had enough.
            answer = said(connection)

    assert answer.startswith(b"HTTP/1.1 413 ") or not (answer or announced)
    assert hand_in(running, key, batch(100 + announced)).status == 200


def test_who_hangs_up_in_the_middle_harms_nobody(served: tuple[Platform, str]) -> None:
    running, key = served

    for what in STALLS:
        for _ in range(STALLED):
            send(running, STALLS[what]).close()

    assert running.status("/healthz") == 200
    assert hand_in(running, key, batch(200)).status == 200
    assert "Traceback" not in running.log()


def test_what_is_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    with serving(tmp_path, body_timeout_s=30) as (running, key):
        body = batch(1)
        announced = (f"Authorization: Bearer {key}", "Content-Encoding: gzip", f"Content-Length: {len(body)}")
        with send(running, head("/v1/events", *announced) + body[:10]) as connection:
            wait_until(lambda: running.status("/readyz") == 200, "the half of a batch to be under way")
            process = running.processes["web"]
            process.terminate()
            wait_until(lambda: running.status("/healthz") is None, "the listener to end")

            connection.sendall(body[10:])

            assert said(connection).startswith(b"HTTP/1.1 200 ")
        assert running.stop("web") == 0
        assert "Traceback" not in running.log()


def web_worker(running: Platform) -> psutil.Process:
    [found] = psutil.Process(running.processes["web"].pid).children()
    return found


@pytest.mark.parametrize("packed", [True, False], ids=["gzipped", "stored"])
def test_twelve_of_the_largest_batches_at_once_leave_the_web_process_small(
    tmp_path: Path, packed: bool
) -> None:
    with serving(tmp_path, body_timeout_s=15) as (running, key):
        bodies = [batch(number, "x" * 4_450, 1_000) for number in range(12)]
        encoding = "gzip" if packed else "identity"
        sent = bodies if packed else [gzip.decompress(body) for body in bodies]
        assert 4_500_000 < len(gzip.decompress(bodies[0])) < 5_000_000

        def until_taken(body: bytes) -> int:
            deadline = time.monotonic() + PATIENCE_S
            while True:
                answer = hand_in(running, key, body, **{"Content-Encoding": encoding})
                if answer.status != 503 or time.monotonic() > deadline:
                    return answer.status

        with ThreadPoolExecutor(len(sent)) as pool:
            statuses = list(pool.map(until_taken, sent))

        assert statuses == [200] * len(sent)
        assert web_worker(running).memory_info().rss < MOST_RESIDENT_BYTES
