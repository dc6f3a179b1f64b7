"""How long to wait before trying again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random

import pytest

from pointsman.backoff import CAP_S, full_jitter, retry_after_s


def test_the_bound_doubles_with_each_failure_up_to_a_minute() -> None:
    class Highest(Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    bounds = [full_jitter(Highest(), failures, 1.0) for failures in (1, 2, 3, 4, 5, 6, 7, 10_000)]

    assert bounds == [2.0, 4.0, 8.0, 16.0, 32.0, CAP_S, CAP_S, CAP_S]


def test_the_wait_is_anywhere_from_nothing_to_the_bound() -> None:
    random = Random(1)
    waits = [full_jitter(random, 3, 1.0) for _ in range(1_000)]

    assert min(waits) < 0.1
    assert max(waits) > 7.9


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("30", 30.0),
        ("999999999999", 600.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        (None, 0.0),
        ("٣", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", 0.0),
    ],
)
def test_a_retry_after_is_read_or_counts_for_nothing(header: str | None, seconds: float) -> None:
    assert retry_after_s(header) == seconds


def test_a_retry_after_may_be_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)

    assert retry_after_s(soon) == 600.0
