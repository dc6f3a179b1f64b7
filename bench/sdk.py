"""What one ``client.variant()`` costs, beside an empty Python call in the same process.

    python -m bench.sdk [--json FILE]

Each number is the median over rounds of the mean time of a call, in microseconds; every round measures every
case once, so a slow moment of the machine hits all alike.
"""

import argparse
import json
import logging
import platform
import statistics
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pointsman import Client, Options
from pointsman.core.codec import encode
from pointsman.core.evaluation import Evaluation
from pointsman.core.model import Condition, Flag, Kind, Operator, Rule, Ruleset
from pointsman.core.splits import split_of

_ROUNDS: Final = 25
_SPLIT: Final = split_of({"v1": 50_000, "v2": 50_000})
_COUNTRIES: Final = ("DE", "FR", "PT", "SE", "NO")
_CONTEXT: Final = {"country": "US", "age": 41, "plan": "free", "app": "4.2"}
Case = tuple[Callable[[], object], int]


def ruleset() -> Ruleset:
    """An on/off flag, a 50/50 split, five rules before a split, and 100 splits."""
    five = tuple(
        Rule(
            id=f"r{index}",
            conditions=(
                Condition(attribute="country", operator=Operator.EQUALS, values=(country,)),
                Condition(attribute="age", operator=Operator.NUMBER_GE, values=(18,)),
            ),
            split=split_of({"v1": 100_000}),
        )
        for index, country in enumerate(_COUNTRIES)
    )
    flags = [
        _flag("switch", (Rule(id="all", conditions=(), split=split_of({"v2": 100_000})),)),
        _flag("split", (Rule(id="all", conditions=(), split=_SPLIT),)),
        _flag("rules", (*five, Rule(id="all", conditions=(), split=_SPLIT))),
    ]
    flags += [_flag(f"flag-{index}", (Rule(id="all", conditions=(), split=_SPLIT),)) for index in range(100)]
    return Ruleset(project="bench", environment="prod", revision=1, flags={flag.key: flag for flag in flags})


def cases(client: Client) -> dict[str, Case]:
    """By name: what to call, and how often a round."""
    variant = client.variant
    hundred = tuple(f"flag-{index}" for index in range(100))

    def empty(unit: str) -> None:
        pass

    def all_flags() -> None:
        for flag in hundred:
            variant(flag, unit="user-42")

    return {
        "f(x), an empty call": (lambda: empty("user-42"), 100_000),
        "on/off flag": (lambda: variant("switch", unit="user-42", default="v1"), 100_000),
        "50/50 split": (lambda: variant("split", unit="user-42", default="v1"), 100_000),
        "five rules, then a split": (
            lambda: variant("rules", unit="user-42", context=_CONTEXT, default="v1"),
            50_000,
        ),
        "100 flags for one user": (all_flags, 1_000),
        "unknown flag": (lambda: variant("nowhere", unit="user-42", default="v1"), 20_000),
    }


def measure(client: Client) -> dict[str, float]:
    """Microseconds a call, by case, less the lambda around it."""
    rounds: dict[str, list[float]] = {}
    for _ in range(_ROUNDS):
        around = timeit.timeit(lambda: None, number=100_000) / 100_000
        for name, (call, number) in cases(client).items():
            each = timeit.timeit(call, number=number) / number - around
            rounds.setdefault(name, []).append(each * 1e6)
    return {name: statistics.median(times) for name, times in rounds.items()}


def main() -> None:
    """Measure and print; with --json also write the numbers."""
    parser = argparse.ArgumentParser(description="Microseconds per client.variant().")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    logging.getLogger("pointsman").setLevel(logging.CRITICAL)  # The server is away on purpose.
    with tempfile.TemporaryDirectory() as directory:
        client = _offline(Path(directory))
        times = measure(client)
        client.close(0)
    _print(times)
    if arguments.json:
        arguments.json.write_text(json.dumps({"unit": "us", "machine": _machine(), "times": times}, indent=2))


def _flag(key: str, rules: tuple[Rule, ...]) -> Flag:
    return Flag(
        key=key,
        kind=Kind.MODEL,
        salt=f"bench/{key}",
        enabled=True,
        version=1,
        variants={"v1": {"provider": "local", "name": "one"}, "v2": {"provider": "local", "name": "two"}},
        off="v1",
        default="v1",
        rules=rules,
    )


def _offline(directory: Path) -> Client:
    """A client with its ruleset on disk and a server that is away: the hot path is the same."""
    from pointsman.address import parse_address
    from pointsman.ruleset_file import RulesetFile
    from pointsman.shelf import Shelf

    url, key = "http://127.0.0.1:9", "bench"
    shelf = Shelf(None, limit=10**7)
    RulesetFile(directory, parse_address(url), key, 10**7, shelf).save(encode(ruleset()), "")
    client = Client(url, key=key, options=Options(cache_dir=directory, poll_interval_s=3600))
    for flag in ruleset().flags:
        chosen = client.variant(flag, unit="user-42", context=_CONTEXT)
        expected = Evaluation(ruleset()).choose(flag, "user-42", _CONTEXT, None)
        if chosen != expected or chosen.error:
            raise RuntimeError(f"{flag} answers wrongly: {chosen}")
    return client


def _machine() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}"


def _print(times: dict[str, float]) -> None:
    base = times["f(x), an empty call"]
    print(f"{_machine()}; median of {_ROUNDS} rounds")
    print(f"{'':28}{'us':>10}{'x f(x)':>10}")
    for name, time_us in times.items():
        print(f"{name:28}{time_us:>10.3f}{time_us / base:>10.1f}")


if __name__ == "__main__":
    main()
