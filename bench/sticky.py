"""What a sticky flag's filters cost: to build, to download, to hold and to ask, by the number of units.

python -m bench.sticky [--json FILE]
"""

import argparse
import json
import resource
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from timeit import Timer
from typing import Final

from flags.filters import write_filter, wrongly_in
from pointsman.core.unit_sets import hash_of_unit, read_units

SIZES: Final = (100_000, 1_000_000, 10_000_000)
_SALT: Final = "demo/ranker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One filter."""

    units: int
    build_s: float
    peak_mb: float
    """Of the building process, above what the hashes take."""
    size_mb: float
    """To download, and in memory while it is used."""
    inside_us: float
    outside_us: float
    wrongly_in: float
    """Of 100,000 units that are not in."""
    estimated: float
    """The same, as the server measures it on the filter's bits."""


def measure(units: int) -> Cost:
    """Build a filter of so many units, and ask it."""
    hashes = array("Q", (hash_of_unit(_SALT, f"u{n}") for n in range(units)))
    before, start = _peak_mb(), perf_counter()
    body = write_filter(_SALT, hashes)
    built = perf_counter() - start
    peak = _peak_mb() - before
    found = read_units(body)
    return Cost(
        units=units,
        build_s=built,
        peak_mb=peak,
        size_mb=len(body) / 1e6,
        inside_us=_us(lambda: found.holds("u42")),
        outside_us=_us(lambda: found.holds("nobody")),
        wrongly_in=sum(found.holds(f"n{n}") for n in range(100_000)) / 100_000,
        estimated=wrongly_in(body),
    )


def main() -> None:
    """Print a line a size. Bounded: about a minute and 0.5 GB for ten million units."""
    parser = argparse.ArgumentParser(prog="bench.sticky")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    print(
        f"{'units':>12} {'build, s':>10} {'peak, MB':>9} {'size, MB':>9} {'in, us':>8} {'not in, us':>11} "
        f"{'wrongly in':>11} {'estimated':>10}"
    )
    found = []
    for units in SIZES:
        cost = measure(units)
        found.append(asdict(cost))
        print(
            f"{units:>12,} {cost.build_s:>10.2f} {cost.peak_mb:>9.0f} {cost.size_mb:>9.1f} "
            f"{cost.inside_us:>8.2f} {cost.outside_us:>11.2f} {cost.wrongly_in:>11.3%} "
            f"{cost.estimated:>10.3%}",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000


def _us(call: Callable[[], object]) -> float:
    return min(Timer(call).repeat(5, 20_000)) / 20_000 * 1e6


if __name__ == "__main__":
    main()
