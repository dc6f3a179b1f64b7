"""Splits, and re-weighting that moves the arithmetic minimum of units."""

import pytest
from hypothesis import given

from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import Range, Split
from pointsman.core.splits import (
    SplitError,
    check_split,
    even_weights,
    moved,
    owner,
    reweight,
    split_of,
    weights_of,
)
from tests.sdk.core.strategies import splits, weights


def test_a_ramp_from_5_to_10_to_50_percent_moves_nobody_who_is_in() -> None:
    five = split_of({"champion": 95_000, "challenger": 5_000})
    ten = reweight(five, {"champion": 90_000, "challenger": 10_000})
    fifty = reweight(ten, {"champion": 50_000, "challenger": 50_000})

    assert members(five, "challenger") < members(ten, "challenger") < members(fifty, "challenger")
    assert (moved(five, ten), moved(ten, fifty)) == (5_000, 40_000)


def test_a_reweight_from_90_10_to_80_20_moves_exactly_ten_percent_of_the_buckets() -> None:
    before = split_of({"a": 90_000, "b": 10_000})

    after = reweight(before, {"a": 80_000, "b": 20_000})

    assert sum(owner(before, at) != owner(after, at) for at in range(0, BUCKETS, 10)) == 1_000
    assert moved(before, after) == 10_000


@given(splits(("a", "b", "c", "d")), weights())
def test_as_many_buckets_move_as_the_shrinking_variants_give_up(
    before: Split, wanted: dict[str, int]
) -> None:
    after = reweight(before, wanted)

    held = weights_of(before)
    assert moved(before, after) == sum(max(0, held[name] - wanted[name]) for name in held)


@given(splits(("a", "b", "c", "d")), weights())
def test_a_reweight_gives_every_variant_its_weight_and_covers_the_buckets(
    before: Split, wanted: dict[str, int]
) -> None:
    after = reweight(before, wanted)

    check_split(after)
    assert weights_of(after) == {name: held for name, held in wanted.items() if held} | weights_of(after)


@given(splits(("a", "b", "c", "d")), weights())
def test_no_variant_that_grows_loses_a_bucket(before: Split, wanted: dict[str, int]) -> None:
    after = reweight(before, wanted)

    held = weights_of(before)
    edges = sorted({edge for part in (*before, *after) for edge in part[:2]} - {BUCKETS})
    growing = {name for name in wanted if wanted[name] >= held.get(name, 0)}
    assert all(owner(after, at) == owner(before, at) for at in edges if owner(before, at) in growing)


@given(splits(("a", "b", "c", "d")))
def test_a_reweight_to_the_same_weights_moves_nobody(before: Split) -> None:
    assert moved(before, reweight(before, weights_of(before))) == 0


def test_a_variant_left_out_of_the_weights_gives_up_everything() -> None:
    before = split_of({"a": 60_000, "b": 40_000})

    after = reweight(before, {"b": 70_000, "c": 30_000})

    assert weights_of(after) == {"b": 70_000, "c": 30_000}
    assert moved(before, after) == 60_000


def test_even_weights_share_all_buckets_and_give_the_odd_ones_to_the_first() -> None:
    assert even_weights(["a", "b", "c"]) == {"a": 33_334, "b": 33_333, "c": 33_333}


def test_a_variant_without_weight_has_no_range() -> None:
    assert split_of({"a": 0, "b": BUCKETS}) == (Range(0, BUCKETS, "b"),)


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({}, "sum to 100000"),
        ({"a": 99_999}, "not 99999"),
        ({"a": 100_001, "b": -1}, "negative"),
    ],
)
def test_weights_that_do_not_cover_the_buckets_are_refused(wanted: dict[str, int], problem: str) -> None:
    with pytest.raises(SplitError, match=problem):
        split_of(wanted)


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ((), "at least one range"),
        (((1, BUCKETS, "a"),), "cover"),
        (((0, BUCKETS - 1, "a"),), "cover"),
        (((0, 5, "a"), (5, 5, "b"), (5, BUCKETS, "a")), "at least one bucket"),
        (((0, 5, "a"), (6, BUCKETS, "b")), "gap or overlap"),
        (((0, 6, "a"), (5, BUCKETS, "b")), "gap or overlap"),
    ],
)
def test_ranges_with_a_hole_are_refused(parts: tuple[tuple[int, int, str], ...], problem: str) -> None:
    with pytest.raises(SplitError, match=problem):
        check_split(tuple(Range(*part) for part in parts))


@pytest.mark.parametrize("variants", [[], ["a", "a"]])
def test_even_weights_need_distinct_variants(variants: list[str]) -> None:
    with pytest.raises(SplitError, match="variants"):
        even_weights(variants)


@pytest.mark.parametrize("bucket", [-1, BUCKETS])
def test_a_bucket_outside_has_no_owner(bucket: int) -> None:
    with pytest.raises(SplitError, match="bucket"):
        owner(split_of({"a": BUCKETS}), bucket)


def members(split: Split, variant: str) -> set[int]:
    return {at for start, end, name in split if name == variant for at in range(start, end)}
