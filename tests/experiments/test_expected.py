"""The shares a sample-ratio check expects where an earlier split keeps some newcomers by mistake."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import binomtest

from experiments.expected import expected_shares
from experiments.stats.results import NotEstimable
from experiments.stats.srm import ALARM_BELOW, sample_ratio
from flags.earlier import Taken, newest_epoch, taken
from flags.filters import write_filter, wrongly_in
from pointsman.core.bucketing import bucket
from pointsman.core.model import Hashing, Kept, Range, Rule, Scheme
from pointsman.core.splits import owner, reweight, split_of
from pointsman.core.unit_sets import (
    BYTES_A_UNIT,
    PROBES,
    UNPUBLISHED,
    hash_of_unit,
    read_units,
    seal_bloom,
    write_hashes,
)

HALVES = split_of({"v1": 50_000, "v2": 50_000})
PRESENT = reweight(HALVES, {"v1": 20_000, "v2": 80_000})
MOVED = Range(20_000, 50_000, "v1")
SALT = "demo/ranker"


def kept(epoch: int, *ranges: Range, units: tuple[str, ...] = ("f",), rule: str = "r1") -> Kept:
    return Kept(
        rule=f"{rule}@{epoch}",
        epoch=epoch,
        conditions=(),
        gates=(),
        hashing=None,
        ranges=ranges,
        units=units,
    )


def test_nothing_taken_leaves_the_planned_split() -> None:
    found = expected_shares(PRESENT, ())

    assert found.shares == {"v1": 0.2, "v2": 0.8}
    assert found.taken == 0.0


def test_the_variant_that_gained_the_moved_ranges_loses_what_the_filter_takes_there() -> None:
    # By hand: v2 keeps 0.5 + 0.3 × (1 − 0.1) = 0.77 of all newcomers, v1 its 0.2; together 0.97.
    found = expected_shares(PRESENT, [Taken(start=20_000, end=50_000, share=0.1)])

    assert found.shares == pytest.approx({"v1": 0.2 / 0.97, "v2": 0.77 / 0.97}, abs=1e-15)
    assert found.taken == pytest.approx(0.03, abs=1e-15)


def test_two_epochs_take_one_after_the_other() -> None:
    # By hand: buckets 0.2..0.3 pass both filters, 0.9 × 0.8 = 0.72; 0.3..0.5 only the first, 0.9.
    epochs = [Taken(start=20_000, end=50_000, share=0.1), Taken(start=10_000, end=30_000, share=0.2)]

    found = expected_shares(PRESENT, epochs)

    v1, v2 = 0.1 + 0.1 * 0.8, 0.1 * 0.72 + 0.2 * 0.9 + 0.5
    assert found.shares == pytest.approx({"v1": v1 / (v1 + v2), "v2": v2 / (v1 + v2)}, abs=1e-12)


def test_without_a_filter_moved_ranges_count_for_nobody() -> None:
    found = expected_shares(PRESENT, [Taken(start=20_000, end=50_000, share=1.0)])

    assert found.shares == pytest.approx({"v1": 2 / 7, "v2": 5 / 7})


def test_where_an_earlier_split_takes_everyone_no_share_is_left() -> None:
    found = expected_shares(PRESENT, [Taken(start=0, end=100_000, share=1.0)])

    assert (found.shares, found.taken) == ({"v1": 0.0, "v2": 0.0}, 1.0)


def test_only_former_splits_of_the_rule_itself_under_its_own_hashing_are_looked_at() -> None:
    rule = Rule(id="r1", conditions=(), split=PRESENT)
    other = Hashing(scheme=Scheme.UNLEASH, seed="s", buckets=100)
    entries = [kept(1, MOVED), kept(2, MOVED, rule="r2"), kept(4, MOVED, units=())]
    elsewhere = Kept(
        rule="r1@3", epoch=3, conditions=(), gates=(), hashing=other, ranges=(MOVED,), units=("f",)
    )

    found = taken([*entries, elsewhere], rule, {"f": 0.001}.__getitem__)

    assert found == (Taken(start=20_000, end=50_000, share=1.0 - (1.0 - 0.001)),)
    assert newest_epoch([*entries, elsewhere], "r1") == 4
    assert newest_epoch(entries, "r9") is None


def test_a_set_that_is_not_handed_out_takes_everybody() -> None:
    rule = Rule(id="r1", conditions=(), split=PRESENT)

    found = taken([kept(1, MOVED, units=(UNPUBLISHED,))], rule, lambda _: 0.0)

    assert found == (Taken(start=20_000, end=50_000, share=1.0),)


def test_the_measured_rate_of_a_filter_is_how_often_it_takes_newcomers() -> None:
    body = write_filter(SALT, (hash_of_unit(SALT, f"u{n}") for n in range(20_000)))

    measured = wrongly_in(body)

    units = read_units(body)
    found = binomtest(sum(units.holds(f"n{n}") for n in range(200_000)), 200_000, measured)
    assert found.pvalue > 0.001
    assert 0.0004 < measured <= 0.001


def test_an_exact_list_takes_nobody() -> None:
    assert wrongly_in(write_hashes(SALT, range(1_000))) == 0.0


def test_newcomers_past_a_real_filter_fit_what_is_expected() -> None:
    body = crowded(room=20_000, holding=20_000)

    p_values = [_p_value(counted(f"{seed}-n", 200_000, body), body) for seed in range(3)]

    assert min(p_values) >= ALARM_BELOW


def test_past_a_filter_that_leaks_the_plain_split_raises_false_alarms_and_the_expected_one_does_not() -> None:
    body = crowded(room=20_000, holding=60_000)
    assert wrongly_in(body) > 0.1

    counts = [counted(f"{seed}-n", 50_000, body) for seed in range(3)]

    plain = [sample_ratio(each, {"v1": 0.2, "v2": 0.8}) for each in counts]
    assert all(not isinstance(each, NotEstimable) and each.alarm for each in plain)
    assert min(_p_value(each, body) for each in counts) >= ALARM_BELOW


def test_false_alarms_are_as_rare_as_promised_over_many_experiments() -> None:
    chance = np.random.default_rng(20261121)
    part = Taken(start=20_000, end=50_000, share=0.1)
    expected = expected_shares(PRESENT, [part]).shares
    # Newcomers: v1, v2 in its own buckets, v2 in moved ones that pass, and those taken for enrolled.
    drawn = chance.multinomial(200_000, [0.2, 0.5, 0.3 * 0.9, 0.3 * 0.1], size=20_000)

    answers = [
        sample_ratio({"v1": int(v1), "v2": int(own + gained)}, expected) for v1, own, gained, _ in drawn
    ]

    alarms = sum(not isinstance(each, NotEstimable) and each.alarm for each in answers)
    assert binomtest(alarms, len(answers), ALARM_BELOW).pvalue > 0.001


def crowded(*, room: int, holding: int) -> bytes:
    """A filter made for ``room`` units that holds ``holding``: the more, the more it takes for in."""
    bits = bytearray(room * BYTES_A_UNIT)
    for n in range(holding):
        hashed = hash_of_unit(SALT, f"u{n}")
        at, step = hashed & 0xFFFFFFFF, hashed >> 32 | 1
        for probe in range(PROBES):
            bit = (at + probe * step) % (len(bits) * 8)
            bits[bit >> 3] |= 1 << (bit & 7)
    return seal_bloom(SALT, room, bytes(bits))


def counted(prefix: str, newcomers: int, body: bytes) -> Counter[str]:
    """How many newcomers each variant of the present split gets, without those the filter takes."""
    units = read_units(body)
    found: Counter[str] = Counter()
    for n in range(newcomers):
        unit = f"{prefix}{n}"
        drawn = bucket(SALT, unit)
        if not (MOVED.start <= drawn < MOVED.end and units.holds(unit)):
            found[owner(PRESENT, drawn)] += 1
    return found


def _p_value(counts: Counter[str], body: bytes) -> float:
    part = Taken(start=MOVED.start, end=MOVED.end, share=wrongly_in(body))
    found = sample_ratio(counts, expected_shares(PRESENT, [part]).shares)
    assert not isinstance(found, NotEstimable)
    return found.p_value
