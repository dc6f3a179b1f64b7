"""Every scheme against the vendor's own code: the same unit in the same place, whatever the split."""

import json
from pathlib import Path

import pytest
from growthbook.core import fnv1a32 as growthbook_fnv1a32
from growthbook.core import gbhash, getBucketRanges, inRange
from hypothesis import given
from hypothesis import strategies as st
from ldclient import Context
from ldclient.impl.evaluator_common import _bucket_context
from openfeature.contrib.tools.flagd.core.targeting.custom_ops import fractional
from UnleashClient.utils import normalized_hash

from pointsman.core.bucketing import bucket
from pointsman.core.growthbook_ranges import bucket_ranges, span_of
from pointsman.core.hashing import bucket_of, fnv1a32
from pointsman.core.model import Hashing, Scheme
from tests.sdk.core.murmur import murmur3_x86_32

UNITS = [f"user-{number}" for number in range(5_000)] + ["é", "𝄞 clef", "日本", "0", "x" * 300, "x" * 70_000]
VECTORS = Path(__file__).parents[2] / "vectors" / "schemes.json"
CASES = Path(__file__).parents[4] / "shared" / "conformance" / "growthbook" / "cases.json"
texts = st.text(st.characters(codec="utf-8"), max_size=40)
units = texts.filter(bool)

needs_cases = pytest.mark.skipif(not CASES.exists(), reason="the public GrowthBook cases are not here")


def hashing(scheme: Scheme, seed: str, buckets: int) -> Hashing:
    return Hashing(scheme=scheme, seed=seed, buckets=buckets)


@pytest.mark.parametrize("case", json.loads(VECTORS.read_text("utf-8")))
def test_a_pinned_unit_stays_in_its_bucket(case: dict[str, str | int]) -> None:
    known = hashing(Scheme(str(case["scheme"])), str(case["seed"]), int(case["buckets"]))

    assert bucket_of(known, str(case["unit"])) == case["bucket"]


def test_every_scheme_is_pinned() -> None:
    pinned = {case["scheme"] for case in json.loads(VECTORS.read_text("utf-8"))}

    assert pinned == {scheme.value for scheme in Scheme}


@given(texts, units)
def test_our_own_scheme_is_the_one_that_flags_use(seed: str, unit: str) -> None:
    assert bucket_of(Hashing(seed=seed), unit) == bucket(seed, unit)


@given(texts)
def test_fnv_reads_text_as_javascript_does(text: str) -> None:
    assert fnv1a32(text) == growthbook_fnv1a32(text)


@pytest.mark.parametrize(
    ("scheme", "version", "buckets"), [(Scheme.GROWTHBOOK_V1, 1, 1_000), (Scheme.GROWTHBOOK_V2, 2, 10_000)]
)
def test_growthbook_puts_every_unit_into_the_same_range(scheme: Scheme, version: int, buckets: int) -> None:
    ranges = bucket_ranges(3, 0.83, [0.1, 0.333, 0.567])
    spans = [span_of(share, buckets) for share in ranges]

    for unit in UNITS:
        share = gbhash("seed", unit, version)
        ours = bucket_of(hashing(scheme, "seed", buckets), unit)
        assert share == ours / buckets
        for vendor, span in zip(ranges, spans, strict=True):
            assert span is not None
            assert inRange(share, vendor) == (span.start <= ours < span.end)


@given(
    st.integers(1, 8),
    st.floats(-1, 2),
    st.none() | st.lists(st.floats(0, 1), max_size=8),
)
def test_growthbook_ranges_are_the_vendors(
    variations: int, coverage: float, weights: list[float] | None
) -> None:
    assert list(bucket_ranges(variations, coverage, weights)) == getBucketRanges(
        variations, coverage, weights
    )


@given(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5), st.sampled_from([1_000, 10_000]))
def test_a_span_holds_exactly_the_buckets_the_share_does(start: float, end: float, buckets: int) -> None:
    span = span_of((start, end), buckets)

    held = [at for at in range(buckets) if start <= at / buckets < end]
    assert held == ([] if span is None else list(range(*span)))


@needs_cases
def test_every_public_growthbook_hash_is_ours() -> None:
    versions = {1: (Scheme.GROWTHBOOK_V1, 1_000), 2: (Scheme.GROWTHBOOK_V2, 10_000)}
    cases = json.loads(CASES.read_text("utf-8"))["hash"]

    for seed, unit, version, expected in cases:
        if version in versions:
            scheme, buckets = versions[version]
            assert bucket_of(hashing(scheme, seed, buckets), unit) / buckets == expected
        else:
            assert expected is None
    assert len(cases) == 15


@needs_cases
def test_every_public_growthbook_range_is_ours() -> None:
    cases = json.loads(CASES.read_text("utf-8"))["getBucketRange"]

    for name, (variations, coverage, weights), expected in cases:
        found = [[round(edge, 6) for edge in share] for share in bucket_ranges(variations, coverage, weights)]
        assert found == expected, name
    assert len(cases) == 13


def test_unleash_counts_from_one_and_we_from_none() -> None:
    for unit in UNITS:
        assert bucket_of(hashing(Scheme.UNLEASH, "group", 100), unit) == normalized_hash(unit, "group") - 1


def test_unleash_draws_variants_with_a_seed_of_their_own() -> None:
    for unit in UNITS:
        vendor = normalized_hash(unit, "group", 1_000, seed=86_028_157)
        assert bucket_of(hashing(Scheme.UNLEASH_VARIANT, "group", 1_000), unit) == vendor - 1


@pytest.mark.parametrize(("seed", "text"), [(None, "flag.salt"), (61, "61")])
def test_launchdarkly_compares_every_share_alike(seed: int | None, text: str) -> None:
    for unit in UNITS:
        share = _bucket_context(seed, Context.create(unit), None, "flag", "salt", None)
        ours = bucket_of(hashing(Scheme.LAUNCHDARKLY, text, 100_000), unit)
        assert not share < ours / 100_000.0
        assert share < (ours + 1) / 100_000.0


def test_flagd_hashes_the_bare_text() -> None:
    for unit in UNITS[:500]:
        expected = (murmur3_x86_32(f"ab{unit}".encode()) * 1_000) >> 32
        assert bucket_of(hashing(Scheme.FLAGD, "ab", 1_000), unit) == expected


def test_flagd_2_hashes_an_explicit_text_as_cbor() -> None:
    parts = [["a", 17], ["b", 23], ["c", 60]]

    for unit in UNITS:
        served = fractional({}, f"flag{unit}", *parts)
        ours = bucket_of(hashing(Scheme.FLAGD_CBOR, "flag", 100), unit)
        assert served == ("a" if ours < 17 else "b" if ours < 40 else "c")


def test_flagd_2_hashes_flag_and_unit_as_a_pair_by_default() -> None:
    parts = [["a", 17], ["b", 23], ["c", 60]]

    for unit in UNITS:
        data = {"targetingKey": unit, "$flagd": {"flagKey": "flag"}}
        ours = bucket_of(hashing(Scheme.FLAGD_CBOR_PAIR, "flag", 100), unit)
        assert fractional(data, *parts) == ("a" if ours < 17 else "b" if ours < 40 else "c")


@given(st.sampled_from(Scheme), texts, units, st.sampled_from([1, 2, 1_000, 100_000, 2**31 - 1]))
def test_a_bucket_lies_within_its_buckets(scheme: Scheme, seed: str, unit: str, buckets: int) -> None:
    assert 0 <= bucket_of(hashing(scheme, seed, buckets), unit) < buckets
