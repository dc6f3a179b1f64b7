"""Split, coverage and layer are drawn independently of each other, and of other flags' splits.

Chi-square over many salts; and the p-values of these tests against what they must be, a uniform sample.
"""

from itertools import combinations
from typing import Final, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2, kstest

from flags.gates import coverage_gate, holdout_gate, layer_gate
from pointsman.core.bucketing import BUCKETS
from pointsman.core.hashing import bucket_of
from pointsman.core.model import Hashing

SALTS: Final = 240
UNITS: Final = 20_000
PARTS: Final = 10
DRAWS: Final = ("split", "coverage", "layer", "holdout", "another flag's split")
PAIRS: Final = tuple(combinations(DRAWS, 2))
LEVEL: Final = 0.001

Numbers: TypeAlias = NDArray[np.uint32]

# Of one width, so that they are one block of bytes.
_UNITS = [f"user-{number:07}" for number in range(UNITS)]
_BYTES = np.frombuffer("".join(_UNITS).encode(), dtype=np.uint8).reshape(UNITS, -1)


def seeds(number: int) -> dict[str, str]:
    """What the product draws with, in the project of this number."""
    project, salt = f"p{number}", f"p{number}/ranker"
    return {
        "split": salt,
        "coverage": coverage_gate(salt, 1).hashing.seed,
        "layer": layer_gate("search", f"{project}:layer:search", ()).hashing.seed,
        "holdout": holdout_gate(project, 1).hashing.seed,
        "another flag's split": f"p{number}/ranker2",
    }


def murmur(prefix: str) -> Numbers:
    """murmur3_x86_32 with seed 0 of the prefix and every unit, at once. Source: Appleby, MurmurHash3."""
    head = np.frombuffer(prefix.encode(), dtype=np.uint8)
    data = np.concatenate([np.broadcast_to(head, (UNITS, head.size)), _BYTES], axis=1)
    length = data.shape[1]
    padded = np.zeros((UNITS, -(-length // 4) * 4), dtype=np.uint8)
    padded[:, :length] = data
    words = padded.view("<u4")
    state = np.zeros(UNITS, dtype=np.uint32)
    for at in range(length // 4):
        state = _rotated(state ^ _mixed(words[:, at]), 13) * np.uint32(5) + np.uint32(0xE6546B64)
    if length % 4:
        state ^= _mixed(words[:, -1])
    state ^= np.uint32(length)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state = (state ^ (state >> np.uint32(shift))) * np.uint32(factor)
    return state ^ (state >> np.uint32(16))


def _mixed(word: Numbers) -> Numbers:
    return _rotated(word * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)


def _rotated(word: Numbers, by: int) -> Numbers:
    return (word << np.uint32(by)) | (word >> np.uint32(32 - by))


def buckets(seed: str) -> NDArray[np.int64]:
    """Every unit's bucket under the scheme of our own."""
    return ((murmur(f"{seed}:").astype(np.uint64) * np.uint64(BUCKETS)) >> np.uint64(32)).astype(np.int64)


def p_value(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Chi-square of independence over ten parts by ten: units in each cell against margins' products."""
    cells = (first * PARTS // BUCKETS) * PARTS + second * PARTS // BUCKETS
    table = np.bincount(cells, minlength=PARTS * PARTS).reshape(PARTS, PARTS)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(chi2.sf(statistic, (PARTS - 1) ** 2))


def suspicious(p_values: list[float]) -> str | None:
    """Why these are no p-values of independent draws; None: they may be.

    One is too small for so many (Bonferroni), or they are not spread evenly over 0..1 (Kolmogorov, Smirnov).
    """
    if min(p_values) * len(p_values) < LEVEL:
        return f"one of {len(p_values)} is {min(p_values):.2g}"
    spread = kstest(p_values, "uniform").pvalue
    return f"uneven: {spread:.2g}" if spread < LEVEL / len(PAIRS) else None


@pytest.fixture(scope="module")
def drawn() -> list[dict[str, NDArray[np.int64]]]:
    return [{draw: buckets(seed) for draw, seed in seeds(number).items()} for number in range(SALTS)]


def test_the_quick_draws_are_the_products() -> None:
    for seed in seeds(7).values():
        found = buckets(seed)
        assert [int(each) for each in found[:200]] == [
            bucket_of(Hashing(seed=seed), unit) for unit in _UNITS[:200]
        ]


@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_two_draws_are_independent(pair: tuple[str, str], drawn: list[dict[str, NDArray[np.int64]]]) -> None:
    first, second = pair

    p_values = [p_value(each[first], each[second]) for each in drawn]

    assert suspicious(p_values) is None


def test_one_draw_under_two_salts_is_independent(drawn: list[dict[str, NDArray[np.int64]]]) -> None:
    p_values = [
        p_value(first["split"], second["split"])
        for first, second in zip(drawn[::2], drawn[1::2], strict=True)
    ]

    assert suspicious(p_values) is None


def test_each_draw_is_even(drawn: list[dict[str, NDArray[np.int64]]]) -> None:
    for draw in DRAWS:
        counts = np.array([np.bincount(each[draw] * PARTS // BUCKETS, minlength=PARTS) for each in drawn])
        statistics = ((counts - UNITS / PARTS) ** 2 / (UNITS / PARTS)).sum(axis=1)

        assert suspicious([float(each) for each in chi2.sf(statistics, PARTS - 1)]) is None


def test_the_check_sees_three_units_in_a_hundred_that_share_a_draw(
    drawn: list[dict[str, NDArray[np.int64]]],
) -> None:
    shared = np.arange(UNITS) % 100 < 3

    p_values = [p_value(each["split"], np.where(shared, each["split"], each["coverage"])) for each in drawn]

    assert suspicious(p_values) is not None


def test_the_check_sees_a_draw_that_repeats_over_all_salts(drawn: list[dict[str, NDArray[np.int64]]]) -> None:
    # Each p-value is fine; but they are one and the same.
    p_values = [p_value(drawn[0]["split"], drawn[0]["coverage"]) for _ in drawn]

    assert suspicious(p_values) is not None
