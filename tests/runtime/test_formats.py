"""Numbers as people read them."""

from datetime import UTC, datetime

import pytest

from runtime.web import formats


@pytest.mark.parametrize(
    ("buckets", "words"),
    [(0, "0 %"), (1, "0.001 %"), (12_500, "12.5 %"), (33_334, "33.334 %"), (100_000, "100 %")],
)
def test_buckets_are_written_as_exact_percentages(buckets: int, words: str) -> None:
    assert formats.percent(buckets) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (0, "0"),
        (100, "100"),
        (1_234_567, "1\u202f234\u202f567"),
        (51.344, "51.34"),
        (0.00012344, "0.0001234"),
        (0.00000012344, "1.234e-07"),
        (-2.5, "-2.500"),
    ],
)
def test_numbers_keep_four_digits_and_group_thousands(value: float | None, words: str) -> None:
    assert formats.number(value) == words


def test_shares_and_moments_have_their_unit() -> None:
    assert formats.share(0.190201) == "19.02 %"
    assert formats.share(None) == "–"
    assert formats.when(datetime(2026, 11, 21, 7, 5, 9, tzinfo=UTC)) == "2026-11-21 07:05:09 UTC"
    assert formats.when(None) == "–"
