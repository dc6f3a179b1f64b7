"""Filters built by numpy are the core's own, byte for byte."""

from hypothesis import given, settings
from hypothesis import strategies as st

from flags.filters import write_filter
from pointsman.core.unit_sets import hash_of_unit, read_units, write_bloom


@settings(deadline=None)  # The first call imports numpy.
@given(st.lists(st.integers(0, 2**64 - 1), max_size=300))
def test_both_writers_write_the_same_bytes(hashes: list[int]) -> None:
    assert write_filter("demo/ranker", hashes) == write_bloom("demo/ranker", hashes)


def test_nobody_who_is_in_is_missed_and_one_newcomer_in_a_thousand_at_most_is_taken_for_in() -> None:
    inside = [f"u{n}" for n in range(50_000)]

    units = read_units(write_filter("s", (hash_of_unit("s", unit) for unit in inside)))

    assert all(units.holds(unit) for unit in inside)
    taken = sum(units.holds(f"n{n}") for n in range(100_000))
    assert taken / 100_000 <= 0.001
