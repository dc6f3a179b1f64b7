"""What people type about an experiment becomes exactly its design, and a stored one comes back unchanged."""

from dataclasses import replace

import pytest

from experiments.metrics import Direction, PerUnit, mean, proportion
from experiments.model import Brief, Design
from experiments.rule import DecisionRule, Guardrail, Method
from experiments.web.pages.forms import DesignForm, design_of, form_of, keep_hidden, read
from runtime.errors import Invalid

DESIGN = Design(
    name="Better digits",
    flag="digit-reader",
    control="v1",
    metrics=(
        proportion("correct"),
        mean("latency", per_unit=PerUnit.MEAN, direction=Direction.DECREASE, unit="ms"),
        mean("cost", outcome="spent", unit="EUR"),
    ),
    decision_rule=DecisionRule(
        primary="correct",
        guardrails=(Guardrail(metric="latency", margin=0.025),),
        alpha=0.01,
        minimum_units=500,
    ),
    hypothesis="v2 reads better",
    brief=Brief(decision="which reads", owner="ada", ships_when="more right"),
    unit_type="user",
    flag_rule="r1",
)


def sent(form: DesignForm) -> dict[str, str]:
    """The form as a browser sends it."""
    fields = {name: getattr(form, name) for name in form.__dataclass_fields__ if name != "metrics"}
    for number, row in enumerate(form.metrics):
        fields |= {f"metric-{number}-{name}": getattr(row, name) for name in row.__dataclass_fields__}
    return fields


def test_opening_the_form_and_saving_it_untouched_changes_nothing() -> None:
    form = read(sent(form_of("trial", DESIGN, 3)))

    assert design_of(form) == DESIGN
    assert (form.key, form.version) == ("trial", "3")


def test_what_the_page_does_not_show_is_kept() -> None:
    rule = replace(
        DESIGN.decision_rule,
        method=Method.FIXED,
        tuned_for=90_000,
        guardrails=(Guardrail(metric="latency", margin=10.0, relative=False),),
    )
    stored = replace(DESIGN, decision_rule=rule)

    saved = keep_hidden(design_of(read(sent(form_of("trial", stored, 3)))), stored)

    assert saved == stored


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"metric-0-role": "other"}, "metrics"),
        ({"metric-1-role": "primary"}, "metrics"),
        ({"metric-0-kind": "median"}, "metric-0-kind"),
        ({"metric-2-per_unit": "last"}, "metric-2-per_unit"),
        ({"metric-1-margin": "1e99"}, "metric-1-margin"),
        ({"metric-1-margin": "a lot"}, "metric-1-margin"),
        ({"metric-1-margin": "-1"}, "metric-1-margin"),
        ({"metric-1-margin": "NaN"}, "metric-1-margin"),
        ({"alpha": "five"}, "alpha"),
        ({"alpha": "1"}, "alpha"),
        ({"minimum_units": "-5"}, "minimum_units"),
        ({"minimum_units": "9" * 10}, "minimum_units"),
    ],
)
def test_what_cannot_be_meant_names_its_field(changes: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        design_of(read(sent(form_of("trial", DESIGN, 3)) | changes))

    assert refused.value.field == field
