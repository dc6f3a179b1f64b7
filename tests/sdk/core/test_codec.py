"""Rulesets as bytes: one spelling, strict reading, and a named field for whatever is wrong."""

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsman.core.codec import CodecError, decode, encode
from pointsman.core.model import Json, Operator, Ruleset
from tests.sdk.core.rulesets import flag, rule, ruleset, where
from tests.sdk.core.strategies import rulesets

Edit = Callable[[Any], object]
# Whole rulesets are slow to draw, slower yet under coverage.
slow_to_draw = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

WIRE = (
    b'{"environment":"prod","flags":{"digit-reader":{"default":"v1","enabled":true,"kind":"model","off":"v1",'
    b'"rules":[{"conditions":[{"attribute":"country","operator":"in","values":["DE"]}],"id":"r1",'
    b'"split":[[0,50000,"v1"],[50000,100000,"v2"]]}],"salt":"demo/digit-reader",'
    b'"variants":{"v1":{"name":"weak"},"v2":{"name":"strong"}},"version":1}},'
    b'"format":2,"project":"demo","revision":7}'
)
RULESET = ruleset(flag(rule("r1", where("country", Operator.IN, "DE"))))


def test_a_ruleset_is_spelled_exactly_so() -> None:
    assert encode(RULESET) == WIRE


def test_a_ruleset_is_read_back() -> None:
    assert decode(WIRE) == RULESET


@slow_to_draw
@given(rulesets())
def test_any_ruleset_survives_the_round_trip(known: Ruleset) -> None:
    assert decode(encode(known)) == known


@slow_to_draw
@given(rulesets())
def test_the_spelling_does_not_depend_on_any_order(known: Ruleset) -> None:
    shuffled = Ruleset(
        project=known.project,
        environment=known.environment,
        revision=known.revision,
        flags=dict(reversed(list(known.flags.items()))),
        segments=dict(reversed(list(known.segments.items()))),
    )

    assert encode(shuffled) == encode(known)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_bytes_that_are_no_ruleset_are_refused(body: bytes) -> None:
    with pytest.raises(CodecError):
        decode(body)


@given(st.data())
def test_a_ruleset_cut_short_is_refused(data: st.DataObject) -> None:
    with pytest.raises(CodecError):
        decode(WIRE[: data.draw(st.integers(0, len(WIRE) - 1))])


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Sign in</body></html>",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[]",
        b"null",
        b'{"format":1,"format":1}',
        b'\xff\xfe{"format":1}',
        b'{"format":' + b"9" * 5_000 + b"}",
    ],
)
def test_a_body_that_is_no_ruleset_at_all_is_refused(body: bytes) -> None:
    with pytest.raises(CodecError) as caught:
        decode(body)

    assert caught.value.field in ("ruleset", "environment")


FLAG = "flags.digit-reader"
_WRONG: list[tuple[str, Edit]] = [
    ("format", lambda wire: wire.update(format=3)),
    ("format", lambda wire: wire.update(format="1")),
    ("format", lambda wire: wire.update(format=True)),
    ("format", lambda wire: wire.update(format=1.0)),
    ("project", lambda wire: wire.update(project="")),
    ("project", lambda wire: wire.update(project=None)),
    ("project", lambda wire: wire.pop("project")),
    ("environment", lambda wire: wire.update(environment="\ud800")),
    ("'surprise'", lambda wire: wire.update(surprise=1)),
    ("revision", lambda wire: wire.update(revision=-1)),
    ("revision", lambda wire: wire.update(revision=7.0)),
    ("revision", lambda wire: wire.update(revision=True)),
    ("revision", lambda wire: wire.update(revision=2**63)),
    ("flags", lambda wire: wire.update(flags=[])),
    ("flags", lambda wire: wire["flags"].update({"": {}})),
    (f"{FLAG}", lambda wire: wire["flags"].update({"digit-reader": 5})),
    (f"{FLAG}.'surprise'", lambda wire: first(wire).update(surprise=1)),
    (f"{FLAG}.salt", lambda wire: first(wire).pop("salt")),
    (f"{FLAG}.salt", lambda wire: first(wire).update(salt=5)),
    (f"{FLAG}.kind", lambda wire: first(wire).update(kind="moon")),
    (f"{FLAG}.kind", lambda wire: first(wire).update(kind=5)),
    (f"{FLAG}.enabled", lambda wire: first(wire).update(enabled=1)),
    (f"{FLAG}.version", lambda wire: first(wire).update(version="3")),
    (f"{FLAG}.off", lambda wire: first(wire).update(off="v9")),
    (f"{FLAG}.default", lambda wire: first(wire).update(default="v9")),
    (f"{FLAG}.default", lambda wire: first(wire).update(default=None)),
    (f"{FLAG}.off", lambda wire: first(wire).update(variants={})),
    (f"{FLAG}.variants", lambda wire: first(wire).update(variants=["v1"])),
    (f"{FLAG}.variants", lambda wire: first(wire)["variants"].update({"": {}})),
    (f"{FLAG}.variants.v1", lambda wire: first(wire)["variants"].update(v1="weak")),
    (f"{FLAG}.variants.v1", lambda wire: first(wire).update(kind="boolean")),
    (f"{FLAG}.variants.v1", lambda wire: first(wire).update(kind="string")),
    (f"{FLAG}.variants.v1", lambda wire: first(wire).update(kind="number", variants={"v1": True, "v2": 1})),
    (f"{FLAG}.variants.v1.name", lambda wire: first(wire)["variants"]["v1"].update(name=float("nan"))),
    (f"{FLAG}.variants.v1.name", lambda wire: first(wire)["variants"]["v1"].update(name=float("inf"))),
    (f"{FLAG}.variants.v1.name[1]", lambda wire: first(wire)["variants"]["v1"].update(name=[1, "\udfff"])),
    (
        f"{FLAG}.variants.v1.deep" + ".d" * 64,
        lambda wire: first(wire)["variants"]["v1"].update(deep=deep(66)),
    ),
    (f"{FLAG}.rules", lambda wire: first(wire).update(rules={})),
    (f"{FLAG}.rules", lambda wire: first(wire)["rules"].append(copy.deepcopy(first(wire)["rules"][0]))),
    (f"{FLAG}.rules[0]", lambda wire: first(wire).update(rules=[5])),
    (f"{FLAG}.rules[0].id", lambda wire: rule_of(wire).update(id="")),
    (f"{FLAG}.rules[0].'share'", lambda wire: rule_of(wire).update(share=1)),
    (f"{FLAG}.rules[0].conditions", lambda wire: rule_of(wire).update(conditions=None)),
    (f"{FLAG}.rules[0].conditions[0].attribute", lambda wire: condition(wire).update(attribute="")),
    (f"{FLAG}.rules[0].conditions[0].operator", lambda wire: condition(wire).update(operator="on")),
    (f"{FLAG}.rules[0].conditions[0].values", lambda wire: condition(wire).update(values=[])),
    (f"{FLAG}.rules[0].conditions[0].values", lambda wire: condition(wire).update(values="DE")),
    (f"{FLAG}.rules[0].conditions[0].values[0]", lambda wire: condition(wire).update(values=[None])),
    (f"{FLAG}.rules[0].conditions[0].values[0]", lambda wire: condition(wire).update(values=[["DE"]])),
    (
        f"{FLAG}.rules[0].conditions[0].values",
        lambda wire: condition(wire).update(operator="equals", values=["DE", "FR"]),
    ),
    (
        f"{FLAG}.rules[0].conditions[0].values",
        lambda wire: condition(wire).update(operator="number_lt", values=["5"]),
    ),
    (
        f"{FLAG}.rules[0].conditions[0].values",
        lambda wire: condition(wire).update(operator="number_lt", values=[True]),
    ),
    (
        f"{FLAG}.rules[0].conditions[0].values",
        lambda wire: condition(wire).update(operator="text_starts", values=[5]),
    ),
    (f"{FLAG}.rules[0].split", lambda wire: rule_of(wire).update(split=[])),
    (f"{FLAG}.rules[0].split", lambda wire: rule_of(wire).update(split=[[0, 99_999, "v1"]])),
    (f"{FLAG}.rules[0].split", lambda wire: rule_of(wire).update(split=[[0, 5, "v1"], [6, 100_000, "v2"]])),
    (f"{FLAG}.rules[0].split[0]", lambda wire: rule_of(wire).update(split=[[0, 100_000, "v9"]])),
    (f"{FLAG}.rules[0].split[0]", lambda wire: rule_of(wire).update(split=[[0, 100_000]])),
    (f"{FLAG}.rules[0].split[0]", lambda wire: rule_of(wire).update(split=[[0.0, 100_000, "v1"]])),
]


@pytest.mark.parametrize(("field", "edit"), _WRONG)
def test_what_is_wrong_is_refused_by_name(field: str, edit: Edit) -> None:
    wire = json.loads(WIRE)
    edit(wire)

    with pytest.raises(CodecError) as caught:
        decode(json.dumps(wire).encode())

    assert caught.value.field == field
    assert str(caught.value) == f"{field}: {caught.value.problem}"


@pytest.mark.parametrize(
    ("field", "broken"),
    [
        ("flags.digit-reader.off", ruleset(flag(rule("r1"), variants={"v2": 1}))),
        ("flags.digit-reader.rules[0].split[1]", ruleset(flag(rule("r1"), variants={"v1": 1}))),
        ("ruleset", ruleset(flag(variants={"v1": float("nan")}))),
        ("ruleset", ruleset(flag(variants={"v1": "\ud800"}))),
        ("ruleset", ruleset(flag(variants={"v1": {1: 2}}))),  # type: ignore[dict-item]  # the point of it
        ("ruleset", ruleset(flag(variants={"v1": (1, 2)}))),  # type: ignore[dict-item]  # the point of it
        ("ruleset", ruleset(flag(variants={"v1": {1, 2}}))),  # type: ignore[dict-item]  # the point of it
        ("revision", ruleset(revision=-1)),
    ],
)
def test_a_ruleset_no_client_could_read_is_never_written(field: str, broken: Ruleset) -> None:
    with pytest.raises(CodecError) as caught:
        encode(broken)

    assert caught.value.field == field


CHANGES: list[Edit] = [
    lambda value: value.update(a=1),
    lambda value: value.pop("a"),
    lambda value: value.setdefault("c", 1),
    lambda value: value.__setitem__("a", 1),
    lambda value: value.__delitem__("a"),
    lambda value: value.__ior__({"c": 1}),
    lambda value: value["a"].append(1),
    lambda value: value["a"].sort(),
    lambda value: value["a"].__iadd__([1]),
    lambda value: value["a"].__setitem__(0, 2),
    lambda value: value["a"][1].clear(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_payloads_are_shared_and_so_nobody_can_change_them(change: Edit) -> None:
    value = read_back({"a": [1, {"b": 2}]})

    with pytest.raises(TypeError, match="read-only"):
        change(value)

    assert value == {"a": [1, {"b": 2}]}


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_of_a_payload_is_plain_and_can_be_changed(copied: Callable[[Any], Any]) -> None:
    payload: Json = {"a": [1, {"b": 2}]}
    value = read_back(payload)

    changed = copied(value)
    changed["a"][1]["b"] = 3

    assert value == payload
    assert changed == {"a": [1, {"b": 3}]}
    assert json.dumps(value) == json.dumps(payload)


def read_back(payload: Json) -> Json:
    return decode(encode(ruleset(flag(variants={"v1": payload})))).flags["digit-reader"].variants["v1"]


def first(wire: Any) -> Any:
    return wire["flags"]["digit-reader"]


def rule_of(wire: Any) -> Any:
    return first(wire)["rules"][0]


def condition(wire: Any) -> Any:
    return rule_of(wire)["conditions"][0]


def deep(levels: int) -> object:
    return {"d": deep(levels - 1)} if levels else 1
