"""Our hot routes beside those of the real Unleash server, process for process, each on PostgreSQL.

    python -m bench.unleash [--json FILE] [--seconds 2] [--rounds 5]

One Node process and one web worker; 100 flags each, with a rule for two countries and a rule that shares
users between two variants; the same load from the same client processes. In every round each pair of
requests gets its turn, one right after the other. The first run installs Unleash from npm, about a minute.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from bench import delivery
from bench.pipelined import Shot, answer_of, etag_of, per_second, shot
from bench.unleash_server import BACKEND, FRONTEND, VERSION, absent, installed, unleash
from tests.servers import running_postgres

TARGETS: Final = {"304": 4.0, "config": 4.0, "evaluate 100": 8.0}
_OURS: Final = {"304": "304", "config": "ruleset", "evaluate 100": "evaluate 100"}
_FEATURES: Final = "/api/client/features"


@contextmanager
def pairs() -> Iterator[dict[str, tuple[Shot, Shot]]]:
    """By kind of request, ours and Unleash's, while both servers run."""
    with running_postgres() as postgres:
        theirs = postgres.new_database()
        with (
            delivery.served(postgres.new_database()) as (made, secret),
            unleash(postgres.socket_dir, str(make_url(theirs).database), delivery.FLAGS) as port,
        ):
            ours, others = delivery.shots(made.settings.port, secret), shots(port)
            yield {kind: (ours[name], others[kind]) for kind, name in _OURS.items()}


def shots(port: int) -> dict[str, Shot]:
    """The same kinds of request to Unleash."""
    key = {"Authorization": BACKEND}
    asking = {"Authorization": FRONTEND, "Content-Type": "application/json"}
    etag = etag_of(answer_of(shot(port, "GET", _FEATURES, key)))
    context = {"userId": "user-4711", "properties": {"country": "FR", "plan": "free", "age": "42"}}
    body = json.dumps({"context": context}).encode()
    return {
        "304": shot(port, "GET", _FEATURES, {**key, "If-None-Match": etag}, status=304),
        "config": shot(port, "GET", _FEATURES, key),
        "evaluate 100": shot(port, "POST", "/api/frontend", asking, body),
    }


def measure(seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    """The median rates and the median of the rounds' ratios, and how long the answers are."""
    with pairs() as kinds:
        sizes = {name: [len(answer_of(each)) for each in pair] for name, pair in kinds.items()}
        for pair in kinds.values():
            for each in pair:
                per_second(each, seconds=1.0)
        found = [
            {name: [per_second(each, seconds=seconds) for each in pair] for name, pair in kinds.items()}
            for _ in range(rounds)
        ]
    return {
        name: {
            "ours": statistics.median(each[name][0] for each in found),
            "unleash": statistics.median(each[name][1] for each in found),
            "ratio": statistics.median(each[name][0] / each[name][1] for each in found),
            "our_bytes": sizes[name][0],
            "unleash_bytes": sizes[name][1],
        }
        for name in kinds
    }


def main() -> None:
    """Measure and print one table; or say why not."""
    parser = argparse.ArgumentParser(prog="bench.unleash")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    reason = absent()
    if reason:
        print(f"skipped: {reason}")
    else:
        installed()
    found = {} if reason else measure(arguments.seconds, arguments.rounds)
    unleash_s = f"Unleash {VERSION}/s"
    print(f"{'':14} {'ours/s':>9} {'bytes':>8} {unleash_s:>16} {'bytes':>8} {'ratio':>7} {'target':>7}")
    for name, each in found.items():
        ours = f"{each['ours']:9,.0f} {each['our_bytes']:8,}"
        theirs = f"{each['unleash']:16,.0f} {each['unleash_bytes']:8,}"
        print(f"{name:14} {ours} {theirs} {each['ratio']:6.1f}x {TARGETS[name]:6.0f}x")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
