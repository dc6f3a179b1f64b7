"""Where a unit falls, pinned: a change here moves users of every flag ever made."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.core.bucketing import BUCKETS, bucket
from tests.sdk.core.murmur import murmur3_x86_32

VECTORS = Path(__file__).parents[2] / "vectors" / "bucketing.json"
_CASES = [(row["salt"], row["unit"], row["bucket"]) for row in json.loads(VECTORS.read_text("utf-8"))]

# Published: Wikipedia "MurmurHash", section "Algorithm" (test vectors), and the Guava and Spark test suites.
_PUBLISHED = [
    (b"", 0x00000000, 0x00000000),
    (b"", 0x00000001, 0x514E28B7),
    (b"", 0xFFFFFFFF, 0x81F16F39),
    (b"test", 0x00000000, 0xBA6BD213),
    (b"test", 0x9747B28C, 0x704B81DC),
    (b"Hello, world!", 0x00000000, 0xC0363E43),
    (b"Hello, world!", 0x9747B28C, 0x24884CBA),
    (b"The quick brown fox jumps over the lazy dog", 0x00000000, 0x2E4FF723),
    (b"The quick brown fox jumps over the lazy dog", 0x9747B28C, 0x2FA826CD),
]


@pytest.mark.parametrize(("salt", "unit", "expected"), _CASES)
def test_a_pinned_unit_stays_in_its_bucket(salt: str, unit: str, expected: int) -> None:
    assert bucket(salt, unit) == expected


@pytest.mark.parametrize(("salt", "unit", "expected"), _CASES)
def test_the_pinned_buckets_follow_from_the_written_rule(salt: str, unit: str, expected: int) -> None:
    assert (murmur3_x86_32(f"{salt}:{unit}".encode()) * BUCKETS) >> 32 == expected


@pytest.mark.parametrize(("data", "seed", "expected"), _PUBLISHED)
def test_the_checking_hash_gives_the_published_values(data: bytes, seed: int, expected: int) -> None:
    assert murmur3_x86_32(data, seed) == expected


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_any_bucket_is_the_scaled_murmur3_of_salt_and_unit(salt: str, unit: str) -> None:
    assert bucket(salt, unit) == (murmur3_x86_32(f"{salt}:{unit}".encode()) * BUCKETS) >> 32


def test_the_first_and_the_last_bucket_are_both_pinned() -> None:
    assert {0, BUCKETS - 1} <= {expected for _, _, expected in _CASES}


def test_text_without_bytes_has_no_bucket() -> None:
    with pytest.raises(UnicodeEncodeError):
        bucket("salt", "\ud800")


def test_units_spread_evenly_over_the_buckets() -> None:
    counts = [0] * 10
    for number in range(100_000):
        counts[bucket("even", f"user-{number}") // 10_000] += 1

    # Ten cells of 10,000 expected each: a chi-square over 27.9 comes once in a thousand by chance.
    assert sum((count - 10_000) ** 2 / 10_000 for count in counts) < 27.9
