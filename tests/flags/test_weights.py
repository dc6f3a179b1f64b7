from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.weights import buckets_of_percent, percent_of_buckets
from runtime.errors import Invalid


def test_percent_becomes_buckets_without_rounding() -> None:
    assert buckets_of_percent({"a": 0.1, "b": "99.899", "c": Decimal("0.001")}) == {
        "a": 100,
        "b": 99_899,
        "c": 1,
    }


@pytest.mark.parametrize(
    ("percent", "field"),
    [
        ({"a": 99, "b": 0.5}, "percent"),
        ({}, "percent"),
        ({"a": "x", "b": 1}, "percent.a"),
        ({"a": -1, "b": 101}, "percent.a"),
        ({"a": float("nan")}, "percent.a"),
        ({"a": float("inf")}, "percent.a"),
        ({"a": "1e99999999"}, "percent.a"),
        ({"a": "99.99999999999999999999999999999999999", "b": 0}, "percent.a"),
        ({"a": "1e-99999999"}, "percent.a"),
        ({"a": 33.3333, "b": 66.6667}, "percent.a"),
    ],
)
def test_shares_that_make_no_split_name_the_field(percent: dict[str, float | str], field: str) -> None:
    with pytest.raises(Invalid) as error:
        buckets_of_percent(dict(percent))

    assert error.value.field == field


@given(st.integers(0, 100_000))
def test_buckets_and_percent_are_two_spellings_of_one_share(buckets: int) -> None:
    shares = {"a": percent_of_buckets(buckets), "b": percent_of_buckets(100_000 - buckets)}

    assert buckets_of_percent(shares) == {"a": buckets, "b": 100_000 - buckets}
