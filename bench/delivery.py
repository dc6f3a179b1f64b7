"""Hot routes in requests a second, beside a bare Flask route of the same server.

    python -m bench.delivery [--json FILE] [--seconds 2] [--rounds 5]

One web process as `pointsman web` runs it, on SQLite, an environment of 100 model flags with two rules each.
In every round each kind of request gets its turn, so that what else happens on the machine hits all alike;
the ratios are medians of the rounds' ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import app
from bench.pipelined import Shot, answer_of, etag_of, per_second, shot
from flags import service
from flags.model import FlagAt
from processes import serve_web
from runtime.settings import Settings
from runtime.web.front import Front
from tests.flags.making import ANNA, GERMANS, flag, project, split, targeting
from tests.platform import ROOT, Platform, opened, wait_until
from tests.platform import platform as platform_of

FLAGS: Final = 100
TARGETS: Final = {"304": 2.0, "evaluate one": 1.5, "evaluate 100": 0.6}
_BARE: Final = "/bench/bare"
_BULK: Final = "/ofrep/v1/evaluate/flags"


def web() -> Front:
    """The real application, and one route more that does nothing at all."""
    settings = Settings.from_environment(os.environ)
    made = app.create_app(settings)

    @made.get(_BARE)
    def bare() -> str:
        return "ok"

    return app.create_front(made, settings)


def serve() -> None:
    """Run it exactly as `pointsman web` does."""
    serve_web("bench.delivery:web", Settings.from_environment(os.environ))


@contextmanager
def served(database_url: str = "") -> Iterator[tuple[Platform, str]]:
    """A running server with 100 flags, and a key; on SQLite if not told otherwise."""
    with (
        tempfile.TemporaryDirectory(prefix="pointsman-bench-") as folder,
        platform_of(Path(folder), database_url=database_url) as made,
    ):
        with opened(made.settings) as database, database.session() as session:
            project(session)
            for number in range(FLAGS):
                key = f"flag-{number:03}"
                flag(session, key)
                at = FlagAt("demo", "prod", key)
                service.set_enabled(session, ANNA, at, enabled=True, expected_version=1)
                rules = (split(0, 100, conditions=(GERMANS,)), split(90, 10))
                service.set_targeting(session, ANNA, at, targeting(*rules), expected_version=2)
            secret = service.create_sdk_key(session, ANNA, "demo", "prod", name="bench").secret
        environ = os.environ | made.settings.to_environment()
        environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'sdk' / 'src'}"
        command = [sys.executable, "-c", "from bench.delivery import serve; serve()"]
        made.processes["web"] = subprocess.Popen(command, env=environ, cwd=ROOT, start_new_session=True)
        wait_until(made.ready, "the web server")
        yield made, secret


def shots(port: int, secret: str) -> dict[str, Shot]:
    """Every kind of request."""
    key = {"Authorization": f"Bearer {secret}"}
    etag = etag_of(answer_of(shot(port, "GET", "/v1/ruleset", key)))
    context = {"targetingKey": "user-4711", "country": "FR", "plan": "free", "age": 42}
    body = json.dumps({"context": context}).encode()
    asking = {**key, "Content-Type": "application/json"}
    return {
        "bare Flask": shot(port, "GET", _BARE, {}),
        "304": shot(port, "GET", "/v1/ruleset", {**key, "If-None-Match": etag}, status=304),
        "ruleset": shot(port, "GET", "/v1/ruleset", key),
        "evaluate one": shot(port, "POST", f"{_BULK}/flag-007", asking, body),
        "evaluate 100": shot(port, "POST", _BULK, asking, body),
    }


def measure(seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    """The median rate of each kind, and of its ratio to the bare route."""
    with served() as (made, secret):
        kinds = shots(made.settings.port, secret)
        for each in kinds.values():
            per_second(each, seconds=0.3)
        found = [
            {name: per_second(each, seconds=seconds) for name, each in kinds.items()} for _ in range(rounds)
        ]
    return {
        name: {
            "per_second": statistics.median(each[name] for each in found),
            "ratio": statistics.median(each[name] / each["bare Flask"] for each in found),
        }
        for name in kinds
    }


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(prog="bench.delivery")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    found = measure(arguments.seconds, arguments.rounds)
    print(f"{'':14} {'requests/s':>11} {'beside Flask':>13} {'target':>8}")
    for name, numbers in found.items():
        target = f"{TARGETS[name]:.1f} x" if name in TARGETS else ""
        print(f"{name:14} {numbers['per_second']:11,.0f} {numbers['ratio']:11.2f} x {target:>8}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
