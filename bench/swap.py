"""How long a reader thread waits for an answer while the client takes a new ruleset of 10,000 flags.

    python -m bench.swap [--json FILE] [--seconds 4]

Reader threads ask `client.variant()` as fast as they can while the client's own thread downloads, reads and
swaps. The longest time between two answers of any one reader is the pause; how long the threads wait for one
another anyway is measured the same way with nothing to swap, and beside a thread that only counts: the
interpreter does not wake waiting threads in turn.
"""

import argparse
import gc
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event, Thread
from typing import Final

from bench.large import all_changed, large_ruleset, one_changed
from pointsman import Client, Options
from pointsman.core.codec import encode

READERS: Final = 2
_TARGET_MS: Final = 50
_PATIENCE_S: Final = 60.0
_BUSY: Final = "a counting thread"
_STEPS: Final = (
    (1, "first ruleset"),
    (1, "nothing new"),
    (1, _BUSY),
    (2, "one flag changed"),
    (3, "all changed"),
)
_CONTEXT: Final = {"country": "FR", "age": 42}


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """What the readers met, and how long until the swap was done."""

    pause_ms: float
    """The longest time between two answers of a reader."""
    own_ms: float
    """The longest such time in CPU time of this process: what other processes took is not in it."""
    answers: int
    seconds: float


@dataclass(slots=True)
class Waits:
    """What one reader met."""

    longest_s: float = 0.0
    own_s: float = 0.0
    answers: int = 0


class Reader:
    """A thread that asks for one flag after another and notes its longest wait."""

    def __init__(self, client: Client, flags: tuple[str, ...]) -> None:
        self.waits = Waits()
        self._client: Final = client
        self._flags: Final = flags
        self._end: Final = Event()
        self._thread: Final = Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        last, spent = time.perf_counter(), time.process_time()
        while not self._end.is_set():
            for flag in self._flags:
                waits = self.waits
                self._client.variant(flag, unit="user-42", context=_CONTEXT)
                now, cpu = time.perf_counter(), time.process_time()
                waits.longest_s = max(waits.longest_s, now - last)
                waits.own_s = max(waits.own_s, cpu - spent)
                waits.answers += 1
                last, spent = now, cpu


def measure(flags_in_use: int, seconds: float) -> dict[str, Swap]:
    """The pauses, by what happens meanwhile, of readers that use this many flags."""
    first = large_ruleset()
    second = one_changed(first)
    bodies = [encode(each) for each in (first, second, all_changed(second))]
    flags = tuple(first.flags)[:flags_in_use]
    del first, second
    gc.collect()
    with served(bodies) as (port, show):
        options = Options(poll_interval_s=0.2, cache_dir=None)
        client = Client(f"http://127.0.0.1:{port}", key="bench", options=options)
        readers = [Reader(client, flags) for _ in range(READERS)]
        try:
            return _swaps(client, readers, show, seconds)
        finally:
            for each in readers:
                each.stop()
            client.close(0)


def _swaps(
    client: Client, readers: list[Reader], show: Callable[[int], None], seconds: float
) -> dict[str, Swap]:
    found = {}
    for revision, name in _STEPS:
        start = time.perf_counter()
        for each in readers:
            each.waits = Waits()
        show(revision)
        if name == _BUSY:
            _keep_busy(seconds)
        while client.stats().revision != revision:
            if time.perf_counter() - start > _PATIENCE_S:
                raise RuntimeError(f"no swap in {_PATIENCE_S} s: {client.stats()}")
            time.sleep(0.02)
        taken = time.perf_counter() - start
        time.sleep(seconds)  # What the swap leaves behind is thrown away, and collected, after it.
        waits = [each.waits for each in readers]
        found[name] = Swap(
            pause_ms=max(each.longest_s for each in waits) * 1_000,
            own_ms=max(each.own_s for each in waits) * 1_000,
            answers=sum(each.answers for each in waits),
            seconds=taken,
        )
    return found


def _keep_busy(seconds: float) -> None:
    """Compute as plainly as can be: what any third thread costs the readers."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


@contextmanager
def served(bodies: list[bytes]) -> Iterator[tuple[int, Callable[[int], None]]]:
    """A server in another process: its port, and what sets the revision it shows (0: none yet)."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(bodies, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv(), ours.send
    finally:
        process.kill()
        process.join()


def _serve(bodies: list[bytes], control: Connection) -> None:
    shown = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            known = self.headers.get("If-None-Match") == f'"{shown}"'
            body = b"" if known or not shown else bodies[shown - 1]
            self.send_response(503 if not shown else 304 if known else 200)
            self.send_header("ETag", f'"{shown}"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    control.send(server.server_port)
    while True:
        shown = control.recv()


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(prog="bench.swap")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=4.0)
    arguments = parser.parse_args()
    found = {}
    print(f"{READERS} reader threads; a thread runs {sys.getswitchinterval() * 1_000:.0f} ms at a time")
    print(f"{'in use':>7} {'meanwhile':17} {'pause, ms':>10} {'own CPU':>8} {'after, s':>10} {'answers':>10}")
    for used in (100, 10_000):
        found[used] = measured = measure(used, arguments.seconds)
        for name, swap in measured.items():
            numbers = f"{swap.pause_ms:10,.1f} {swap.own_ms:8,.1f} {swap.seconds:10.2f} {swap.answers:10,}"
            print(f"{used:7,} {name:17} {numbers}", flush=True)
    print(f"target: {_TARGET_MS} ms")
    if arguments.json:
        plain = {used: {name: asdict(swap) for name, swap in each.items()} for used, each in found.items()}
        arguments.json.write_text(json.dumps(plain, indent=2))


if __name__ == "__main__":
    main()
