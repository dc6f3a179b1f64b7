"""The list of flags in an environment of 10,000: seconds a page, over HTTP from a real web process on SQLite.

    python -m bench.pages [--json FILE] [--flags 10000]

One person looks: the first page, a page in the middle, the last one, and two searches, each twenty times in
turn. Making the flags takes a few minutes.
"""

import argparse
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Final
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

from runtime.accounts import service as accounts
from runtime.actors import SYSTEM
from runtime.settings import Settings
from tests.flags.making import flag, project
from tests.platform import opened
from tests.platform import platform as platform_of

_ROUNDS: Final = 20
_TARGET_S: Final = 0.3
_LIST: Final = "/p/demo/prod/flags"
_AT_ONCE: Final = 500
_PERSON: Final = "bench@example.org"


def fill(settings: Settings, flags: int) -> str:
    """Make so many flags; the path of a link that signs one person in."""
    with opened(settings) as database:
        with database.session() as session:
            project(session)
        for start in range(0, flags, _AT_ONCE):
            with database.session() as session:
                for number in range(start, min(start + _AT_ONCE, flags)):
                    flag(session, f"flag-{number:05}")
        with database.session() as session:
            now = datetime.now(UTC)
            accounts.ensure_person(session, SYSTEM, _PERSON, now=now)
            return f"/sign-in/{accounts.create_sign_in_link(session, SYSTEM, _PERSON, now=now)}"


def measure(flags: int) -> dict[str, dict[str, float]]:
    """By page, the median and the 95th percentile in seconds."""
    pages = {
        "first": _LIST,
        "middle": f"{_LIST}?offset={flags // 2}",
        "last": f"{_LIST}?offset={flags - 1}",
        "search, many": f"{_LIST}?q=flag",
        "search, one": f"{_LIST}?q=flag-00042",
    }
    with tempfile.TemporaryDirectory(prefix="pointsman-bench-") as folder, platform_of(Path(folder)) as made:
        link = fill(made.settings, flags)
        made.start("web")
        made.wait_until_ready()
        browser = build_opener(HTTPCookieProcessor(CookieJar()))
        base = made.settings.base_url
        _seconds(browser, base + link)
        for path in pages.values():
            _seconds(browser, base + path)
        found: dict[str, list[float]] = {name: [] for name in pages}
        for _ in range(_ROUNDS):
            for name, path in pages.items():
                found[name].append(_seconds(browser, base + path))
    return {
        name: {"median": statistics.median(times), "p95": statistics.quantiles(times, n=20)[-1]}
        for name, times in found.items()
    }


def _seconds(browser: OpenerDirector, url: str) -> float:
    start = time.perf_counter()
    with browser.open(url, timeout=60) as answer:
        content = answer.read().decode()
    if "flag-" not in content and "/sign-in/" not in url:
        raise RuntimeError(f"{url} lists no flag")
    return time.perf_counter() - start


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(prog="bench.pages")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--flags", type=int, default=10_000)
    arguments = parser.parse_args()
    found = measure(arguments.flags)
    print(f"{'':14} {'median, s':>10} {'p95, s':>8}   (target: p95 {_TARGET_S} s)")
    for name, each in found.items():
        print(f"{name:14} {each['median']:10.3f} {each['p95']:8.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
