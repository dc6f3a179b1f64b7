"""What people type becomes exactly what they meant, and what is stored comes back unchanged."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.model import FlagState, LayerShare, RuleDraft
from flags.references import every_node
from flags.web.pages.condition_form import MANY
from flags.web.pages.forms import rows_of_variants, variant_rows, variants_of, version_of
from flags.web.pages.targeting_form import TargetingForm, form_of, read_targeting, targeting_of
from pointsman.core.model import (
    AllOf,
    AnyOf,
    Condition,
    InSegment,
    Kind,
    Node,
    Not,
    Operator,
    Rule,
    Serves,
    Switch,
    Window,
)
from pointsman.core.splits import split_of, weights_of
from runtime.errors import Invalid

VARIANTS = ("v1", "v2", "v3")


def sent(form: TargetingForm) -> dict[str, str]:
    """The form as a browser sends it."""
    around = ("version", "default", "off", "overrides", "requires", "switches", "reason")
    fields = {name: getattr(form, name) for name in around}
    for n, rule in enumerate(form.rules):
        fields[f"rule-{n}-id"] = rule.id
        own = {"match": rule.match, "tree": rule.tree, "coverage": rule.coverage, "layer": rule.layer}
        own |= {"layer-share": rule.layer_share, "start": rule.start, "end": rule.end}
        fields |= {f"rule-{n}-{name}": text for name, text in own.items()}
        fields |= {f"rule-{n}-weight-{name}": text for name, text in rule.weights.items()}
        for m, condition in enumerate(rule.conditions):
            prefix = f"rule-{n}-condition-{m}"
            fields[f"{prefix}-attribute"] = condition.attribute
            fields[f"{prefix}-operator"] = condition.operator
            fields[f"{prefix}-type"] = condition.type
            fields[f"{prefix}-values"] = condition.values
    return fields


def state(*rules: Rule) -> FlagState:
    return FlagState(
        flag_id=1,
        environment_id=1,
        environment="prod",
        enabled=True,
        off="v1",
        default="v2",
        rules=rules,
        next_rule=9,
        version=7,
    )


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
names = st.text("abcdefghijklmnopqrstuvwxyz_.", min_size=1, max_size=10)
scalars = st.booleans() | numbers | texts


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    operator = draw(st.sampled_from(Operator))
    kinds = {"text": texts, "number": numbers, "exists": st.booleans(), "list": scalars}
    family = operator.partition("_")[0]
    kind = kinds.get(family, texts if family in ("date", "semver", "ip") else scalars)
    most = 4 if operator in MANY else 1
    values = draw(st.lists(kind, min_size=1, max_size=most))
    return Condition(attribute=draw(names), operator=operator, values=tuple(values))


nodes = st.recursive(
    conditions()
    | st.builds(InSegment, names)
    | st.builds(Serves, names, st.lists(names, min_size=1, max_size=2).map(tuple)),
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(AllOf, st.lists(inner, min_size=1, max_size=3).map(tuple))
        | st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple))
    ),
    max_leaves=6,
)


def leaf_types(found: tuple[Node, ...]) -> list[type]:
    """1, 1.0 and true are three values, though Python takes them for equal."""
    every = (node for node in every_node(found) if isinstance(node, Condition))
    return [type(value) for node in every for value in node.values]


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    first = draw(st.integers(0, 100_000))
    second = draw(st.integers(0, 100_000 - first))
    weights = {"v1": first, "v2": second, "v3": 100_000 - first - second}
    found = draw(st.lists(conditions(), max_size=3) | st.lists(nodes, max_size=3))
    return Rule(id=draw(names), conditions=tuple(found), split=split_of(weights))


@given(st.lists(rules(), max_size=4))
def test_opening_the_form_and_saving_it_untouched_changes_nothing(stored: list[Rule]) -> None:
    form = form_of(state(*stored), VARIANTS)

    targeting = targeting_of(read_targeting(sent(form), VARIANTS))

    assert (targeting.default, targeting.off) == ("v2", "v1")
    assert targeting.rules == tuple(
        RuleDraft(id=rule.id, conditions=rule.conditions, weights=weights_of(rule.split)) for rule in stored
    )
    assert [leaf_types(rule.conditions) for rule in targeting.rules] == [
        leaf_types(rule.conditions) for rule in stored
    ]


def test_what_stands_around_the_rules_comes_back_too() -> None:
    before = replace(
        state(),
        overrides={"user-42": "v2", "a=b": "v1"},
        requires=(Serves("checkout", ("on", "beta")),),
        switches=(Switch(at=1_796_115_600, enabled=True), Switch(at=1_796_115_661, enabled=False)),
    )

    targeting = targeting_of(read_targeting(sent(form_of(before, VARIANTS)), VARIANTS))

    assert dict(targeting.overrides) == before.overrides
    assert (targeting.requires, targeting.switches) == (before.requires, before.switches)


def test_coverage_layer_and_window_are_read_as_shares_and_moments() -> None:
    fields = {
        "rule-0-weight-v1": "100",
        "rule-0-coverage": "12.5",
        "rule-0-layer": "checkout",
        "rule-0-layer-share": "20",
        "rule-0-start": "2026-12-01 09:00",
        "rule-0-end": "2026-12-01T11:00:30+01:00",
    }

    [rule] = targeting_of(read_targeting(fields, VARIANTS)).rules

    assert rule.coverage == 12_500
    assert rule.layer == LayerShare(layer="checkout", share=20_000)
    assert rule.window == Window(start=1_796_115_600, end=1_796_119_230)


def test_conditions_become_json_by_their_button_and_mean_the_same() -> None:
    fields = {
        "rule-0-weight-v1": "100",
        "rule-0-match": "any",
        "rule-0-condition-0-attribute": "country",
        "rule-0-condition-0-operator": "in",
        "rule-0-condition-0-values": "DE, AT",
        "rule-0-condition-1-operator": "not_segment",
        "rule-0-condition-1-values": "staff",
    }
    expected = (
        AnyOf(
            (
                Condition(attribute="country", operator=Operator.IN, values=("DE", "AT")),
                Not(InSegment("staff")),
            )
        ),
    )

    form = read_targeting(fields | {"press": "as-tree:0"}, VARIANTS)

    assert form.rules[0].match == "tree"
    assert targeting_of(form).rules[0].conditions == expected
    assert targeting_of(read_targeting(fields, VARIANTS)).rules[0].conditions == expected


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=30)), st.text(max_size=20))
def test_no_form_breaks_the_reader(fields: dict[str, str], press: str) -> None:
    form = read_targeting(fields | {"press": press}, VARIANTS)

    try:
        targeting_of(form)
    except Invalid as error:
        assert error.field  # noqa: PT017


PRESSES = {
    "add-rule": ["a", "b", ""],
    "remove-rule:0": ["b"],
    "raise-rule:1": ["b", "a"],
    "raise-rule:0": ["a", "b"],
    "remove-rule:7": ["a", "b"],
    "nonsense": ["a", "b"],
}


@pytest.mark.parametrize("press", PRESSES)
def test_buttons_change_the_shape_without_losing_what_was_typed(press: str) -> None:
    fields = {"rule-0-id": "a", "rule-1-id": "b", "rule-1-weight-v1": "typed", "press": press}

    form = read_targeting(fields, VARIANTS)

    assert [rule.id for rule in form.rules] == PRESSES[press]
    assert all(rule.weights["v1"] == "typed" for rule in form.rules if rule.id == "b")


def test_conditions_come_and_go_by_their_buttons() -> None:
    fields = {"rule-0-condition-0-attribute": "country", "rule-0-condition-1-attribute": "age"}

    longer = read_targeting(fields | {"press": "add-condition:0"}, VARIANTS).rules[0]
    shorter = read_targeting(fields | {"press": "remove-condition:0.0"}, VARIANTS).rules[0]

    assert [each.attribute for each in longer.conditions] == ["country", "age", ""]
    assert [each.attribute for each in shorter.conditions] == ["age"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"rule-0-weight-v1": "ninety", "rule-0-weight-v2": "10"}, "rule-0-weight-v1"),
        ({"rule-0-weight-v1": "90", "rule-0-weight-v2": "9"}, "rule-0-weight"),
        ({"rule-0-weight-v1": "0.0005"}, "rule-0-weight-v1"),
        (
            {"rule-0-weight-v1": "100", "rule-0-condition-0-operator": "sounds_like"},
            "rule-0-condition-0-operator",
        ),
        (
            {
                "rule-0-weight-v1": "100",
                "rule-0-condition-0-operator": "number_gt",
                "rule-0-condition-0-values": "old",
            },
            "rule-0-condition-0-values",
        ),
        (
            {
                "rule-0-weight-v1": "100",
                "rule-0-condition-0-operator": "equals",
                "rule-0-condition-0-type": "boolean",
                "rule-0-condition-0-values": "perhaps",
            },
            "rule-0-condition-0-values",
        ),
        (
            {
                "rule-0-weight-v1": "100",
                "rule-0-condition-0-operator": "in",
                "rule-0-condition-0-type": "json",
                "rule-0-condition-0-values": '{"a": 1}',
            },
            "rule-0-condition-0-values",
        ),
        ({"rule-0-weight-v1": "100", "rule-0-match": "tree", "rule-0-tree": "["}, "rule-0-tree"),
        ({"rule-0-weight-v1": "100", "rule-0-match": "tree", "rule-0-tree": '[{"al": []}]'}, "rule-0-tree"),
        ({"rule-0-weight-v1": "100", "rule-0-coverage": "101"}, "rule-0-coverage"),
        ({"rule-0-weight-v1": "100", "rule-0-start": "soon"}, "rule-0-start"),
        ({"overrides": "user-42"}, "overrides"),
        ({"overrides": "u = v1\nu = v2"}, "overrides"),
        ({"requires": "checkout"}, "requires"),
        ({"switches": "2026-12-01 09:00 maybe"}, "switches"),
        ({"switches": "99999-12-01 09:00 on"}, "switches"),
    ],
)
def test_what_cannot_be_meant_names_its_field(fields: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        targeting_of(read_targeting(fields, VARIANTS))

    assert refused.value.field == field


PAYLOADS: dict[Kind, dict[str, Any]] = {
    Kind.BOOLEAN: {"on": True, "off": False},
    Kind.STRING: {"a": 'as "typed", é', "b": ""},
    Kind.NUMBER: {"a": 1, "b": 0.25},
    Kind.JSON: {"a": None, "b": [1, {"x": "é"}]},
    Kind.MODEL: {"a": {"model": "small"}},
}


@pytest.mark.parametrize("kind", Kind)
def test_stored_payloads_come_back_through_the_form_unchanged(kind: Kind) -> None:
    shown = rows_of_variants(PAYLOADS[kind], kind)
    fields = {f"variant-{n}-name": row.name for n, row in enumerate(shown)}
    fields |= {f"variant-{n}-payload": row.payload for n, row in enumerate(shown)}

    assert variants_of(variant_rows(fields), kind) == PAYLOADS[kind]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"variant-0-payload": "1"}, "variant-0-name"),
        ({"variant-0-name": "a", "variant-1-name": "a", "variant-0-payload": "1"}, "variant-1-name"),
        ({"variant-0-name": "a", "variant-0-payload": "{"}, "variant-0-payload"),
        ({"variant-0-name": "a", "variant-0-payload": "NaN"}, "variant-0-payload"),
        ({"variant-0-name": "a", "variant-0-payload": "[" * 100_000}, "variant-0-payload"),
    ],
)
def test_a_payload_that_cannot_be_read_names_its_line(fields: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        variants_of(variant_rows(fields), Kind.NUMBER)

    assert refused.value.field == field


@pytest.mark.parametrize("text", ["", "-1", "1.0", "x", "9" * 13])
def test_a_version_is_a_whole_number(text: str) -> None:
    with pytest.raises(Invalid):
        version_of(text)
