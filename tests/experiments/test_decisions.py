"""The verdict: every answer, its reason, and everything that keeps it back."""

from dataclasses import replace

import pytest

from experiments.decisions import LAG_LIMIT_S, decide
from experiments.metrics import Direction, Metric, mean, proportion
from experiments.report import Decision, Exclusions, Tone
from experiments.rule import DecisionRule, Guardrail, Method
from experiments.stats.moments import Moments
from experiments.table import trust
from tests.experiments.reports import CLICK, around, clicks, report

LATENCY = mean("latency", direction=Direction.DECREASE, unit="s")
GUARDED = DecisionRule(primary="click", guardrails=(Guardrail(metric="latency", margin=0.1),))
WINS, LOSES, SAME = clicks(a=200, b=350), clicks(a=350, b=200), clicks(a=200, b=205)


def latencies(treatment: float) -> dict[str, Moments]:
    return {"a": around(1.0, sd=0.1), "b": around(treatment, sd=0.1)}


def test_a_clear_gain_ships() -> None:
    verdict = report({CLICK: WINS}).verdict

    assert (verdict.decision, verdict.variant) == (Decision.SHIP, "b")
    assert "better on the primary metric click by 15.00 percentage points" in verdict.reason


def test_a_clear_loss_rolls_back() -> None:
    verdict = report({CLICK: LOSES}).verdict

    assert (verdict.decision, verdict.variant) == (Decision.ROLL_BACK, "b")
    assert "worse" in verdict.reason


def test_the_desired_direction_turns_the_answer() -> None:
    falling = proportion("click", direction=Direction.DECREASE)

    assert report({falling: WINS}).verdict.decision is Decision.ROLL_BACK
    assert report({falling: LOSES}).verdict.decision is Decision.SHIP


@pytest.mark.parametrize(("final", "answer"), [(False, Decision.KEEP_RUNNING), (True, Decision.INCONCLUSIVE)])
def test_an_open_question_stays_open_until_no_more_data_come(final: bool, answer: Decision) -> None:
    verdict = report({CLICK: SAME}, final=final).verdict

    assert verdict.decision is answer
    assert verdict.trusted
    assert "still includes zero" in verdict.reason


def test_a_gain_with_too_few_units_waits_for_them() -> None:
    verdict = report({CLICK: WINS}, rule=DecisionRule(primary="click", minimum_units=1_500)).verdict

    assert verdict.decision is Decision.KEEP_RUNNING
    assert verdict.missing == ("500 more units in a (of 1,500)", "500 more units in b (of 1,500)")


def test_harm_does_not_wait_for_units() -> None:
    rule = DecisionRule(primary="click", minimum_units=1_500)

    assert report({CLICK: LOSES}, rule=rule).verdict.decision is Decision.ROLL_BACK


def test_a_guardrail_beyond_its_margin_rolls_back_a_winner() -> None:
    verdict = report({CLICK: WINS, LATENCY: latencies(1.2)}, rule=GUARDED).verdict

    assert verdict.decision is Decision.ROLL_BACK
    assert verdict.reason.startswith("guardrail latency is worse with b by at least ")
    assert "(margin 10.00 %)" in verdict.reason


def test_a_guardrail_that_is_worse_within_its_margin_ships() -> None:
    assert report({CLICK: WINS, LATENCY: latencies(1.05)}, rule=GUARDED).verdict.decision is Decision.SHIP


def test_a_guardrail_that_may_still_be_beyond_its_margin_is_missing() -> None:
    verdict = report({CLICK: WINS, LATENCY: latencies(1.095)}, rule=GUARDED).verdict

    assert verdict.decision is Decision.KEEP_RUNNING
    assert len(verdict.missing) == 1
    assert "guardrail latency" in verdict.missing[0]


def test_a_guardrail_without_data_never_passes() -> None:
    empty: dict[Metric, dict[str, Moments]] = {CLICK: WINS, LATENCY: {}}

    for found in (report(empty, rule=GUARDED), report({CLICK: WINS}, rule=GUARDED)):
        assert found.verdict.decision is Decision.KEEP_RUNNING
        assert found.verdict.missing == ("an estimate of guardrail latency",)


@pytest.mark.parametrize(
    ("direction", "treatment", "answer"),
    [
        (Direction.INCREASE, 0.5, Decision.ROLL_BACK),
        (Direction.INCREASE, 0.95, Decision.SHIP),
        (Direction.DECREASE, 1.5, Decision.ROLL_BACK),
        (Direction.DECREASE, 1.05, Decision.SHIP),
    ],
)
def test_a_margin_may_be_in_the_metrics_own_unit(
    direction: Direction, treatment: float, answer: Decision
) -> None:
    metric = mean("latency", direction=direction, unit="s")
    guardrail = Guardrail(metric="latency", margin=0.2, relative=False)
    rule = DecisionRule(primary="click", guardrails=(guardrail,))

    verdict = report({CLICK: WINS, metric: latencies(treatment)}, rule=rule).verdict

    assert verdict.decision is answer
    if answer is Decision.ROLL_BACK:
        assert "(margin 0.2000 s)" in verdict.reason


def test_a_sample_ratio_mismatch_gives_no_verdict() -> None:
    verdict = report({CLICK: WINS}, units={"a": 1_000, "b": 1_200}).verdict

    assert (verdict.decision, verdict.trusted) == (Decision.INCONCLUSIVE, False)
    assert "sample-ratio mismatch: a 1,000, b 1,200" in verdict.reason


def test_too_many_crossovers_give_no_verdict() -> None:
    few, many = (report({CLICK: WINS}, exclusions=Exclusions(crossovers=count)).verdict for count in (20, 21))

    assert few.decision is Decision.SHIP
    assert (many.decision, many.trusted) == (Decision.INCONCLUSIVE, False)
    assert "seen in two variants" in many.reason


def test_crossovers_alone_give_no_verdict() -> None:
    verdict = report({CLICK: {}}, units={"a": 0, "b": 0}, exclusions=Exclusions(crossovers=5)).verdict

    assert not verdict.trusted
    assert "5 of 5 units" in verdict.reason


def test_no_units_are_missing_not_equal() -> None:
    verdict = report({CLICK: {}}, units={"a": 0, "b": 0}).verdict

    assert verdict.decision is Decision.KEEP_RUNNING
    assert verdict.missing == ("units",)


def test_control_alone_gives_no_verdict() -> None:
    verdict = report({CLICK: clicks(a=200)}).verdict

    assert not verdict.trusted
    assert "no second variant" in verdict.reason


def test_a_primary_metric_that_nobody_measured_has_no_answer() -> None:
    verdict = report({CLICK: {}}, units={"a": 500, "b": 500}).verdict

    assert verdict.decision is Decision.KEEP_RUNNING
    assert "has no estimate for b" in verdict.reason
    assert report({CLICK: SAME}, rule=DecisionRule(primary="x")).verdict.missing == ("x",)


def test_several_challengers_share_alpha() -> None:
    # b alone is significant at 5 % but not at 5 % / 2.
    alone = report({CLICK: clicks(a=200, b=264)}).verdict
    among = report({CLICK: clicks(a=200, b=264, c=200)}).verdict

    assert alone.decision is Decision.SHIP
    assert among.decision is Decision.KEEP_RUNNING
    assert "each of several challengers must reach p ≤ 0.02500" in among.reason


def test_of_several_winners_the_best_ships_and_a_loser_does_not_hide_it() -> None:
    verdict = report({CLICK: clicks(a=300, b=450, c=500, d=100)}).verdict

    assert (verdict.decision, verdict.variant) == (Decision.SHIP, "c")


def test_a_loser_rolls_back_while_others_are_open() -> None:
    verdict = report({CLICK: clicks(a=300, b=305, c=100)}).verdict

    assert (verdict.decision, verdict.variant) == (Decision.ROLL_BACK, "c")


def test_the_fixed_horizon_is_quicker_where_it_was_chosen() -> None:
    data = clicks(a=200, b=250)

    always, fixed = (
        report({CLICK: data}, rule=DecisionRule(primary="click", method=method)) for method in Method
    )

    assert always.verdict.decision is Decision.KEEP_RUNNING
    assert fixed.verdict.decision is Decision.SHIP
    assert (always.tone("click", "b"), fixed.tone("click", "b")) == (Tone.UNCLEAR, Tone.BETTER)


def test_changing_alpha_changes_interval_colour_and_verdict_together() -> None:
    data = clicks(a=200, b=267)

    for alpha, tone, answer in (
        (0.05, Tone.BETTER, Decision.SHIP),
        (0.01, Tone.UNCLEAR, Decision.KEEP_RUNNING),
    ):
        found = report({CLICK: data}, rule=DecisionRule(primary="click", alpha=alpha))
        interval = found.metrics["click"].variants["b"].always_valid_ci

        assert interval is not None
        assert (0.0 in interval) == (tone is Tone.UNCLEAR)
        assert found.tone("click", "b") is tone
        assert found.verdict.decision is answer


def test_deciding_again_gives_the_same_verdict() -> None:
    found = report({CLICK: WINS, LATENCY: latencies(1.0)}, rule=GUARDED)

    assert decide(found.rule, found) == found.verdict
    assert (
        decide(replace(found.rule, minimum_units=5_000), found, final=True).decision is Decision.INCONCLUSIVE
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"alpha": 0.0}, "alpha"),
        ({"minimum_units": -1}, "minimum of units"),
        ({"tuned_for": 0}, "tuned for"),
        ({"guardrails": (Guardrail(metric="click", margin=0),)}, "not both"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DecisionRule(**({"primary": "click"} | changes))  # type: ignore[arg-type]  # keyword values of the table


@pytest.mark.parametrize("margin", [-0.1, float("inf"), float("nan")])
def test_a_margin_is_a_number_from_zero(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        Guardrail(metric="x", margin=margin)


def test_a_metric_that_is_missing_more_often_in_one_arm_gives_no_verdict() -> None:
    found = report(
        {CLICK: {"a": Moments.of_successes(400, 2_000), "b": Moments.of_successes(434, 919)}},
        units={"a": 2_000, "b": 2_000},
    )

    assert not found.verdict.trusted
    assert "click was measured for 2,000 of 2,000 units of a, 919 of 2,000 units of b" in found.verdict.reason


def test_a_metric_that_is_missing_alike_in_both_arms_is_judged_and_the_gap_is_shown() -> None:
    found = report(
        {CLICK: {"a": Moments.of_successes(180, 900), "b": Moments.of_successes(360, 905)}},
        units={"a": 1_000, "b": 1_000},
    )

    assert found.verdict.decision is Decision.SHIP
    assert "Measured: click for 900 of 1,000 units of a." in trust(found)


@pytest.mark.parametrize(("low", "high"), [("a", "b"), ("b", "a")])
def test_a_handful_of_units_convinces_nobody_of_anything(low: str, high: str) -> None:
    moments = {low: around(1.0, n=29, sd=0.001), high: around(5.0, n=29, sd=0.001)}
    rule = DecisionRule(primary="spent", minimum_units=0)

    found = report({mean("spent"): {arm: moments[arm] for arm in ("a", "b")}}, rule=rule)

    assert found.verdict.decision is Decision.KEEP_RUNNING
    assert found.verdict.missing == ("1 more units (of 30)",)


def test_events_that_wait_too_long_withhold_the_verdict() -> None:
    settled = report({CLICK: clicks(a=200, b=350)})

    held = decide(settled.rule, replace(settled, lag_s=LAG_LIMIT_S + 1))

    assert not held.trusted
    assert held.reason.startswith("acknowledged events have been waiting for 10 minutes")
    assert decide(settled.rule, replace(settled, lag_s=LAG_LIMIT_S)).decision is Decision.SHIP


def test_the_reason_for_a_missing_interval_is_that_of_the_interval_the_verdict_reads() -> None:
    found = report({CLICK: {"a": Moments.of_successes(0, 100), "b": Moments.of_successes(100, 100)}})

    assert found.verdict.reason.endswith("all values are equal within each arm, so there is no variance")
