"""What a sticky flag's filters cost: to build, to download, to hold and to ask, by the number of units."""

import sys
from time import perf_counter
from timeit import Timer

from flags.filters import write_filter
from pointsman.core.unit_sets import hash_of_unit, read_units

SIZES = (100_000, 1_000_000, 10_000_000)


def main() -> None:
    """Print a line a size. Bounded: about a minute and 1.5 GB for ten million units."""
    print(
        f"{'units':>12} {'build, s':>10} {'bytes a unit':>13} {'in, us':>8} {'not in, us':>11} "
        f"{'wrongly in':>11}"
    )
    for units in SIZES:
        hashes = [hash_of_unit("demo/ranker", f"u{n}") for n in range(units)]
        start = perf_counter()
        body = write_filter("demo/ranker", hashes)
        built = perf_counter() - start
        found = read_units(body)
        inside = _us(lambda: found.holds("u42"))  # noqa: B023  (called within this turn)
        outside = _us(lambda: found.holds("nobody"))  # noqa: B023
        wrong = sum(found.holds(f"n{n}") for n in range(100_000)) / 100_000
        print(
            f"{units:>12,} {built:>10.2f} {len(body) / units:>13.2f} {inside:>8.2f} {outside:>11.2f}"
            f" {wrong:>10.3%}"
        )
        sys.stdout.flush()


def _us(call: object) -> float:
    timer = Timer(call)  # type: ignore[arg-type]
    return min(timer.repeat(5, 20_000)) / 20_000 * 1e6


if __name__ == "__main__":
    main()
