"""Reports: numbers with reasons in the place of absent ones, words, JSON, rows and plots."""

import csv
import io
import json
import math
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from experiments.analysis import Aggregates, Question, analyse
from experiments.charts import COLOURS, forest_rows, forest_svg
from experiments.codec import from_json, to_json
from experiments.csv_export import HEADER, to_csv
from experiments.metrics import Metric, MetricKind, PerUnit, mean
from experiments.report import Exclusions, Report, Tone, Window
from experiments.rule import DecisionRule, Guardrail, Method
from experiments.sentences import number, sentence
from experiments.stats.moments import EMPTY, Moments
from experiments.table import NOTHING, rows, trust
from experiments.terminal import show
from runtime.errors import Invalid
from tests.experiments.reports import CLICK, NOW, around, clicks, report

ROUNDS = mean("rounds", unit="rounds")
WHOLE = report(
    {CLICK: clicks(a=200, b=350), ROUNDS: {"a": around(52.5, sd=250), "b": around(51.3, sd=100)}},
    rule=DecisionRule(primary="click", guardrails=(Guardrail(metric="rounds", margin=0.5),)),
)
NUMBERS = [
    "difference",
    "relative",
    "ci",
    "relative_ci",
    "p_value",
    "statistic",
    "always_valid_ci",
    "always_valid_relative_ci",
    "always_valid_p_value",
]

DEGENERATE: dict[str, tuple[Metric, Moments, Moments]] = {
    "empty control": (ROUNDS, EMPTY, around(1)),
    "empty treatment": (ROUNDS, around(1), EMPTY),
    "both empty": (CLICK, EMPTY, EMPTY),
    "one unit": (ROUNDS, Moments.of([3.0]), Moments.of([4.0])),
    "one unit, proportion": (CLICK, Moments.of([1.0]), Moments.of([0.0])),
    "zero variance": (ROUNDS, Moments.of([3.0] * 9), Moments.of([4.0] * 9)),
    "all zeros": (ROUNDS, Moments.of([0.0] * 9), Moments.of([0.0] * 9)),
    "all zeros, proportion": (CLICK, Moments.of_successes(0, 50), Moments.of_successes(0, 50)),
    "all ones, proportion": (CLICK, Moments.of_successes(50, 50), Moments.of_successes(50, 50)),
    "infinite": (ROUNDS, Moments.of([1.0, math.inf]), Moments.of([1.0, 2.0])),
    "infinite treatment": (ROUNDS, Moments.of([1.0, 2.0]), Moments.of([1.0, -math.inf])),
    "no proportion": (CLICK, Moments.of([0.5, 0.2]), Moments.of_successes(1, 2)),
    "no proportion in treatment": (CLICK, Moments.of_successes(1, 2), Moments.of([0.5, 0.2])),
    "around zero": (ROUNDS, around(0.0), around(1.0)),
}


def compared(metric: Metric, control: Moments, treatment: Moments) -> dict[str, Any]:
    found = report({metric: {"a": control, "b": treatment}}, units={"a": 9, "b": 9})
    body: dict[str, Any] = json.loads(json.dumps(to_json(found), allow_nan=False))
    assert from_json(body) == found
    entry: dict[str, Any] = body["metrics"][metric.key]["b"]
    return entry


@pytest.mark.parametrize("case", DEGENERATE)
def test_every_number_is_a_right_one_or_null_with_a_reason(case: str) -> None:
    entry = compared(*DEGENERATE[case])

    for field in (*NUMBERS, "mean"):
        assert (entry[field] is None) == (field in entry["not_estimable"]), field
    assert all(entry["not_estimable"].values())
    assert entry["not_estimable"]


def test_control_has_a_count_and_a_mean_and_nothing_to_compare() -> None:
    entry = to_json(WHOLE)["metrics"]["click"]["a"]

    assert (entry["n"], entry["mean"], entry["not_estimable"]) == (1_000, 0.2, {})
    assert all(entry[field] is None for field in (*NUMBERS, "method"))


def test_equal_arms_of_a_huge_mean_are_not_significant() -> None:
    entry = compared(ROUNDS, around(1e9), around(1e9 + 0.01))

    assert entry["p_value"] > 0.5
    assert entry["ci"][0] < 0 < entry["ci"][1]


def test_a_report_survives_json_with_all_its_digits() -> None:
    window = Window(start=NOW, end=NOW.replace(day=5))
    question = Question(
        title="x", unit="user", control="a", planned={"a": 2, "b": 1}, metrics=[CLICK], rule=WHOLE.rule
    )
    aggregates = Aggregates(
        units={"a": 2, "b": 1},
        moments={"click": {"a": Moments.of_successes(1, 2), "b": Moments.of_successes(1, 3)}},
        exclusions=Exclusions(crossovers=3, unplanned=2),
    )
    for found in (WHOLE, analyse(question, aggregates, now=NOW, window=window)):
        assert from_json(json.loads(json.dumps(to_json(found), allow_nan=False))) == found


def test_srm_without_units_is_null_with_a_reason_in_json() -> None:
    found = report({CLICK: {}}, units={"a": 0, "b": 0})

    body = to_json(found)

    assert body["srm"]["alarm"] is None
    assert "no units" in body["srm"]["not_estimable"]
    assert from_json(body) == found


@pytest.mark.parametrize("body", [{}, {"format": 2}, {"format": 1}, to_json(WHOLE) | {"verdict": None}])
def test_what_is_no_report_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        from_json(body)


def test_a_control_outside_the_plan_is_refused() -> None:
    with pytest.raises(ValueError, match="not in the planned split"):
        report({CLICK: clicks(b=1, c=1)})


def test_a_metric_kind_goes_with_its_way_per_unit() -> None:
    with pytest.raises(ValueError, match="takes any value"):
        Metric(key="x", kind=MetricKind.PROPORTION, outcome="x", per_unit=PerUnit.SUM)


def test_a_proportion_in_words() -> None:
    assert sentence(WHOLE, "click", "b") == (
        "click: 35.00 % with b against 20.00 % with a, 15.00 percentage points higher (+75.00 %); the 95 % "
        "always-valid interval of the difference runs from +8.85 to +21.15 percentage points. "
        "It excludes zero: b is better."
    )


def test_a_mean_in_words() -> None:
    words = sentence(WHOLE, "rounds", "b")

    assert "51.30 rounds with b against 52.50 rounds with a, 1.200 rounds lower (−2.29 %)" in words
    assert words.endswith("It includes zero, so the difference may be chance.")


def test_equal_means_and_absent_ones_in_words() -> None:
    same = report({ROUNDS: {"a": around(5), "b": around(5)}})
    gone = report({ROUNDS: {"a": around(5)}}, units={"a": 5, "b": 5})

    assert "no difference" in sentence(same, "rounds", "b")
    assert sentence(gone, "rounds", "b") == (
        "rounds: b cannot be compared with a: the treatment arm has no units."
    )


def test_the_words_name_the_method_that_decides() -> None:
    rule = DecisionRule(primary="click", method=Method.FIXED, alpha=0.001)
    found = report({CLICK: clicks(a=350, b=200)}, rule=rule)

    words = sentence(found, "click", "b")

    assert "the 99.9 % fixed-horizon interval" in words
    assert words.endswith("b is worse.")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"),
        (1234567.0, "1,234,567"),
        (52.456, "52.46"),
        (-0.00012345, "−0.0001234"),
        (1e-9, "1.000e−09"),
        (1e300, "1.000e+300"),
    ],
)
def test_numbers_keep_four_digits(value: float, words: str) -> None:
    assert number(value) == words


def test_rows_stand_behind_the_plot() -> None:
    control, treated, *_ = rows(WHOLE)

    assert (control.variant, control.difference, control.p_value) == ("a (control)", NOTHING, NOTHING)
    assert (treated.difference, treated.relative) == ("+15.00 pp", "+75.00 %")
    assert treated.tone is Tone.BETTER
    assert rows(report({ROUNDS: {}}, units={"a": 5, "b": 5}))[1].note


def test_the_trust_checks_say_everything_that_was_left_out() -> None:
    exclusions = Exclusions(crossovers=5, duplicate_units=4, missing_unit=3, missing_variant=2, unplanned=1)
    lines = trust(report({CLICK: clicks(a=1, b=1)}, exclusions=exclusions, units={"a": 100, "b": 300}))

    assert lines[0] == "Units analysed: a 100, b 300."
    assert "does NOT fit" in lines[1]
    assert [line.split()[1] for line in lines[2:]] == ["5", "4", "3", "2", "1"]
    assert "not checked" in trust(report({CLICK: {}}, units={"a": 0, "b": 0}))[1]


def test_csv_has_a_row_for_every_metric_and_variant() -> None:
    lines = list(csv.DictReader(io.StringIO(to_csv(WHOLE))))

    assert tuple(lines[0]) == HEADER
    assert [(line["metric"], line["variant"]) for line in lines] == [
        ("click", "a"),
        ("click", "b"),
        ("rounds", "a"),
        ("rounds", "b"),
    ]
    assert float(lines[1]["difference"]) == WHOLE.metrics["click"].variants["b"].difference
    assert lines[0]["difference"] == ""


def drawn(found: Report) -> str:
    svg = forest_svg(found)
    ET.fromstring(svg)
    return svg


def test_the_forest_plot_stands_alone() -> None:
    svg = drawn(WHOLE)

    assert "+75.00" in svg
    assert COLOURS[Tone.BETTER] in svg
    assert "<script" not in svg
    assert "href" not in svg.replace("xmlns:xlink", "")
    assert 'fill="white"' not in svg


def test_names_in_the_plot_are_escaped() -> None:
    evil = mean("<script>alert(1)</script>")

    svg = drawn(report({evil: {"a": around(5), "b": around(6)}}))

    assert "<script" not in svg


def test_without_anything_to_draw_the_plot_says_so() -> None:
    found = report({CLICK: {}}, units={"a": 5, "b": 5})

    assert forest_rows(found) == []
    assert "No comparison" in drawn(found)


def test_several_challengers_have_rows_of_their_own() -> None:
    found = report({CLICK: clicks(a=200, b=300, c=250)})

    assert [row["row"] for row in forest_rows(found)] == ["click, b", "click, c"]


def test_the_terminal_says_what_is_missing_and_never_ships_what_is_not_trusted() -> None:
    waiting = report({CLICK: clicks(a=200, b=350)}, rule=DecisionRule(primary="click", minimum_units=2_000))
    broken = report({CLICK: clicks(a=200, b=350)}, units={"a": 1_000, "b": 2_000})

    assert "Missing: 1,000 more units in a (of 2,000)" in shown(waiting)
    assert "NO VERDICT" in shown(broken)
    assert "SHIP b" in shown(report({CLICK: clicks(a=200, b=350)}))


def shown(found: Report) -> str:
    console = Console(file=io.StringIO(), width=80)
    show(found, console)
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())
