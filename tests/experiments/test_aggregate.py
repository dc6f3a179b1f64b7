"""The platform's plan over event tables: what counts, from when, and that it stays exact."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.aggregate import Scope, aggregate_files
from experiments.analysis import Aggregates
from experiments.budget import Budget
from experiments.events.columns import SCHEMAS
from experiments.metrics import Metric, PerUnit, mean, proportion
from experiments.report import Exclusions, Window
from experiments.stats.moments import Moments
from flags.earlier import EarlierSplit

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=10)
SCOPE = Scope(environment="demo/prod", flag="ranker", rule="r1", window=Window(start=START, end=END))
CLICK = proportion("click")
REVENUE = mean("revenue")
LATENCY = mean("latency", per_unit=PerUnit.MEAN)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def exposure(unit: str, variant: str, hours: float = 0.0) -> dict[str, object]:
    where = {"environment": "demo/prod", "flag": "ranker", "rule": "r1"}
    return where | {"unit": unit, "variant": variant, "at": at(hours)}


def outcome(unit: str, name: str, value: float, hours: float = 1.0) -> dict[str, object]:
    return {"environment": "demo/prod", "unit": unit, "name": name, "value": value, "at": at(hours)}


def aggregate(
    tmp_path: Path,
    exposures: Sequence[dict[str, object]],
    outcomes: Sequence[dict[str, object]],
    *metrics: Metric,
    scope: Scope = SCOPE,
) -> Aggregates:
    return aggregate_files(
        _files(tmp_path, "exposures", exposures),
        _files(tmp_path, "outcomes", outcomes),
        scope,
        metrics or (CLICK,),
        variants=("a", "b"),
        budget=Budget(spill=tmp_path / "spill", threads=1),
    )


def _files(folder: Path, table: str, rows: Sequence[dict[str, object]]) -> list[str]:
    path = folder / f"{table}.parquet"
    pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMAS[table]), path)
    return [str(path)]


def test_units_are_counted_once_however_often_they_were_exposed(tmp_path: Path) -> None:
    exposures = [exposure("u1", "a", hours) for hours in (0, 1, 2)] + [exposure("u2", "b")]

    found = aggregate(tmp_path, exposures, [])

    assert found.units == {"a": 1, "b": 1}


def test_outcomes_count_from_the_first_exposure_on(tmp_path: Path) -> None:
    exposures = [exposure("u1", "a", 5), exposure("u1", "a", 2)]
    outcomes = [
        outcome("u1", "revenue", value, hours) for value, hours in ((1.0, 1.9), (10.0, 2), (100.0, 3))
    ]

    found = aggregate(tmp_path, exposures, outcomes, REVENUE)

    assert found.moments["revenue"]["a"].mean == 110.0


def test_a_unit_without_outcomes_is_a_zero_for_sums_and_successes_but_not_measured_for_means(
    tmp_path: Path,
) -> None:
    exposures = [exposure("u1", "a"), exposure("u2", "a")]
    outcomes = [outcome("u1", name, 4.0) for name in ("click", "revenue", "latency")]

    found = aggregate(tmp_path, exposures, outcomes, CLICK, REVENUE, LATENCY)

    assert found.moments["click"]["a"] == Moments(n=2, mean=0.5, m2=0.5)
    assert found.moments["revenue"]["a"] == Moments(n=2, mean=2.0, m2=8.0)
    assert found.moments["latency"]["a"] == Moments(n=1, mean=4.0, m2=0.0)


def test_a_mean_per_unit_weighs_units_alike_whatever_they_did(tmp_path: Path) -> None:
    exposures = [exposure("u1", "a"), exposure("u2", "a")]
    outcomes = [outcome("u1", "latency", value) for value in (1.0, 2.0, 3.0)]

    found = aggregate(tmp_path, exposures, [*outcomes, outcome("u2", "latency", 4.0)], LATENCY)

    assert found.moments["latency"]["a"] == Moments(n=2, mean=3.0, m2=2.0)


def test_a_zero_is_not_a_success(tmp_path: Path) -> None:
    exposures = [exposure("u1", "a"), exposure("u2", "a"), exposure("u3", "a")]
    outcomes = [outcome("u1", "click", 0.0), outcome("u2", "click", 0.0), outcome("u2", "click", 1.0)]

    found = aggregate(tmp_path, exposures, outcomes)

    assert found.moments["click"]["a"].mean == pytest.approx(1 / 3)


def test_units_seen_in_two_variants_are_excluded_and_counted(tmp_path: Path) -> None:
    exposures = [exposure("u1", "a"), exposure("u1", "b"), exposure("u2", "a"), exposure("u3", "b")]

    found = aggregate(tmp_path, exposures, [outcome("u1", "click", 1.0)])

    assert found.units == {"a": 1, "b": 1}
    assert found.exclusions == Exclusions(crossovers=1)
    assert found.moments["click"]["a"].mean == 0.0


def test_units_in_a_variant_outside_the_plan_are_counted_apart(tmp_path: Path) -> None:
    found = aggregate(tmp_path, [exposure("u1", "a"), exposure("u2", "c")], [])

    assert found.units == {"a": 1}
    assert found.exclusions == Exclusions(unplanned=1)


@pytest.mark.parametrize(
    "other",
    [
        {"environment": "demo/dev"},
        {"flag": "other"},
        {"rule": "r2"},
        {"rule": None},
        {"at": at(-0.001)},
        {"at": END},
    ],
)
def test_exposures_of_elsewhere_or_another_time_do_not_count(
    tmp_path: Path, other: dict[str, object]
) -> None:
    found = aggregate(tmp_path, [exposure("u1", "a") | other, exposure("u2", "b")], [])

    assert found.units == {"b": 1}


@pytest.mark.parametrize("other", [{"environment": "demo/dev"}, {"name": "other"}, {"at": END}])
def test_outcomes_of_elsewhere_or_another_time_do_not_count(tmp_path: Path, other: dict[str, object]) -> None:
    found = aggregate(tmp_path, [exposure("u1", "a")], [outcome("u1", "click", 1.0) | other])

    assert found.moments["click"]["a"].mean == 0.0


def test_no_files_are_no_units(tmp_path: Path) -> None:
    budget = Budget(spill=tmp_path)

    found = aggregate_files([], [], SCOPE, [CLICK, REVENUE], variants=("a", "b"), budget=budget)

    assert found.units == {}
    assert found.moments == {"click": {}, "revenue": {}}


def test_exposures_without_any_outcome_are_units_with_zeros(tmp_path: Path) -> None:
    files = _files(tmp_path, "exposures", [exposure("u1", "a"), exposure("u2", "a")])

    found = aggregate_files(files, [], SCOPE, [CLICK], variants=("a", "b"), budget=Budget(spill=tmp_path))

    assert found.moments["click"]["a"] == Moments(n=2, mean=0.0, m2=0.0)


def test_a_huge_mean_with_a_small_spread_keeps_its_digits(tmp_path: Path) -> None:
    values = [1e9 + math.sin(index) for index in range(20_000)]
    exposures = [exposure(f"u{index}", "a") for index, _ in enumerate(values)]
    outcomes = [outcome(f"u{index}", "revenue", value) for index, value in enumerate(values)]

    found = aggregate(tmp_path, exposures, outcomes, REVENUE).moments["revenue"]["a"]

    exact = Moments.of(values)
    assert found.n == exact.n
    assert found.mean == pytest.approx(exact.mean, rel=1e-15)
    assert found.m2 == pytest.approx(exact.m2, rel=1e-7)


def test_sums_beyond_a_double_are_not_finite_rather_than_an_error(tmp_path: Path) -> None:
    exposures = [exposure("u1", "a"), exposure("u2", "a")]

    found = aggregate(tmp_path, exposures, [outcome("u1", "revenue", 1e308)] * 3, REVENUE)

    assert found.moments["revenue"]["a"].n == 2
    assert not found.moments["revenue"]["a"].finite


events = st.lists(
    st.tuples(st.sampled_from("uvwxyz"), st.sampled_from("ab"), st.integers(0, 20)), min_size=1, max_size=25
)
results = st.lists(st.tuples(st.sampled_from("uvwxyz"), st.integers(-3, 5), st.integers(0, 20)), max_size=25)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(seen=events, done=results)
def test_it_agrees_with_the_definition_on_any_events(
    tmp_path: Path, seen: list[tuple[str, str, int]], done: list[tuple[str, int, int]]
) -> None:
    found = aggregate(
        tmp_path,
        [exposure(unit, variant, hours) for unit, variant, hours in seen],
        [outcome(unit, "revenue", float(value), hours) for unit, value, hours in done],
        REVENUE,
    )

    expected = _by_definition(seen, done)
    assert found.units == {variant: len(values) for variant, values in expected.items()}
    for variant, values in expected.items():
        exact = Moments.of(values)
        moments = found.moments["revenue"][variant]
        assert moments.n == exact.n
        assert moments.mean == pytest.approx(exact.mean, abs=1e-9)
        assert moments.m2 == pytest.approx(exact.m2, abs=1e-9)


def _by_definition(
    seen: list[tuple[str, str, int]], done: list[tuple[str, int, int]]
) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for unit in {unit for unit, _, _ in seen}:
        mine = [(hours, variant) for who, variant, hours in seen if who == unit]
        if len({variant for _, variant in mine}) > 1:
            continue
        first = min(hours for hours, _ in mine)
        total: Any = sum(value for who, value, hours in done if who == unit and hours >= first)
        values.setdefault(mine[0][1], []).append(float(total))
    return values


EARLIER = EarlierSplit(revision=7, began=START - timedelta(hours=1), taken=())
STICKY = replace(SCOPE, earlier=EARLIER)


def test_units_drawn_by_an_earlier_split_are_left_out_wherever_their_bucket_lies(tmp_path: Path) -> None:
    exposures = [
        exposure("stays", "a", -48) | {"revision": 6},
        exposure("stays", "a", 1) | {"revision": 7},  # its bucket did not move: the rule serves it still
        exposure("kept", "a", -48) | {"revision": 6},
        exposure("kept", "a", 1) | {"revision": 7, "rule": "r1@1"},
        exposure("new", "b", 1) | {"revision": 7},
    ]

    found = aggregate(tmp_path, exposures, [], scope=STICKY)

    assert found.units == {"b": 1}
    assert found.exclusions == Exclusions(enrolled_before=2)


def test_units_drawn_by_the_present_split_before_the_start_count(tmp_path: Path) -> None:
    exposures = [exposure("u1", "a", -0.5) | {"revision": 7}, exposure("u1", "a", 1) | {"revision": 8}]

    found = aggregate(tmp_path, exposures, [], scope=STICKY)

    assert (found.units, found.exclusions) == ({"a": 1}, Exclusions())


def test_a_newcomer_that_a_filter_takes_for_enrolled_is_left_out(tmp_path: Path) -> None:
    exposures = [exposure("u1", "a", 1) | {"revision": 7, "rule": "r1@1"}]

    found = aggregate(tmp_path, exposures, [], scope=STICKY)

    assert (found.units, found.exclusions) == ({}, Exclusions(enrolled_before=1))


def test_a_unit_that_crossed_over_while_the_split_changed_is_counted_as_in_two_variants_and_late(
    tmp_path: Path,
) -> None:
    exposures = [
        exposure("u1", "a", 1) | {"revision": 6},  # a process that had not heard of the change
        exposure("u1", "b", 2) | {"revision": 7},  # another one, before the unit was added to the kept
        exposure("u1", "a", 3) | {"revision": 8, "rule": "r1@1"},
    ]

    found = aggregate(tmp_path, exposures, [], scope=STICKY)

    assert (found.units, found.exclusions) == ({}, Exclusions(crossovers=1, late=1))


def test_exposures_of_an_unknown_revision_are_told_apart_by_their_time(tmp_path: Path) -> None:
    exposures = [exposure("old", "a", -2), exposure("old", "a", 1), exposure("new", "a", 1)]

    found = aggregate(tmp_path, exposures, [], scope=STICKY)

    assert (found.units, found.exclusions) == ({"a": 1}, Exclusions(enrolled_before=1))


def test_units_seen_only_before_the_window_are_not_counted_at_all(tmp_path: Path) -> None:
    exposures = [exposure("gone", "a", -2) | {"revision": 6}]

    found = aggregate(tmp_path, exposures, [], scope=STICKY)

    assert (found.units, found.exclusions) == ({}, Exclusions())


def test_an_epoch_that_begins_while_the_experiment_runs_takes_nobody_out(tmp_path: Path) -> None:
    exposures = [exposure("u1", "a", 1), exposure("u1", "a", 2) | {"rule": "r1@1"}, exposure("u2", "b", 1)]

    found = aggregate(tmp_path, exposures, [])

    assert (found.units, found.exclusions) == ({"a": 1, "b": 1}, Exclusions())
