"""What format 2 added, as bytes: read back, refused by name, and kept out of format 1."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pointsman.core.codec import CodecError, decode, encode
from pointsman.core.model import (
    AllOf,
    AnyOf,
    Gate,
    GateKind,
    Hashing,
    InSegment,
    Kept,
    Node,
    Not,
    Operator,
    Range,
    Ruleset,
    Scheme,
    Segment,
    Serves,
    Span,
    Switch,
    Window,
)
from pointsman.core.references import unit_sets_of
from tests.sdk.core.rulesets import flag, rule, ruleset, where

Edit = Callable[[Any], object]
A, B, C = ("a" * 64, "b" * 64, "c" * 64)
AGED = where("age", Operator.EXISTS, True)
TREE = AllOf((AnyOf((AGED,)), Not(InSegment("staff")), Serves("base", ("v2",))))
GATE = Gate(
    kind=GateKind.LAYER, name="search", hashing=Hashing(seed="layer", buckets=1_000), spans=(Span(0, 10),)
)
WHOLE = replace(
    flag(
        replace(
            rule("r1", TREE),
            gates=(GATE,),
            window=Window(start=5, end=None),
            hashing=Hashing(scheme=Scheme.FLAGD, seed="", attribute="account"),
        )
    ),
    unit_type="account",
    sticky=True,
    epoch=3,
    requires=(Serves("base", ("v1", "v2")),),
    overrides={"user-1": "v2"},
    kept=(
        Kept(
            rule="r0",
            epoch=2,
            conditions=(),
            gates=(GATE,),
            hashing=None,
            ranges=(Range(0, 10, "v1"), Range(20, 30, "v2")),
            units=(C,),
        ),
    ),
    switches=(Switch(at=10, enabled=False), Switch(at=20, enabled=True)),
)
IS_STAFF = where("staff", Operator.EQUALS, True)
SEGMENT = Segment(key="staff", conditions=(IS_STAFF,), included=(A,), excluded=(B,))
RULESET = replace(ruleset(flag(key="base"), WHOLE), segments={"staff": SEGMENT})


def chain(length: int) -> Ruleset:
    links = [
        replace(flag(key=f"f{at}"), requires=(Serves(f"f{at - 1}", ("v1",)),)) for at in range(1, length + 1)
    ]
    return ruleset(flag(key="f0"), *links)


def nested(depth: int) -> Node:
    node: Node = where("age", Operator.EXISTS, True)
    for _ in range(depth - 1):
        node = Not(node)
    return node


def with_tree(*nodes: Node) -> Ruleset:
    return ruleset(flag(replace(rule("r1"), conditions=nodes)))


def test_everything_new_is_read_back() -> None:
    assert decode(encode(RULESET)) == RULESET


def test_the_unit_sets_a_ruleset_needs_are_known() -> None:
    assert unit_sets_of(RULESET) == {A, B, C}


def test_format_1_is_read_still() -> None:
    old = ruleset(flag(rule("r1", where("country", Operator.IN, "DE"))))

    assert decode(encode(old).replace(b'"format":2', b'"format":1')) == old


def test_a_chain_of_ten_dependencies_is_the_longest() -> None:
    assert decode(encode(chain(10))) == chain(10)

    with pytest.raises(CodecError, match="chain"):
        encode(chain(11))


def test_the_longest_chain_is_found_whatever_the_order_of_the_flags() -> None:
    backwards = replace(chain(11), flags=dict(reversed(list(chain(11).flags.items()))))

    with pytest.raises(CodecError, match="chain"):
        encode(backwards)


def test_a_flag_that_depends_on_itself_by_another_is_refused() -> None:
    one = replace(flag(key="one"), requires=(Serves("two", ("v1",)),))
    two = flag(replace(rule("r1"), conditions=(Serves("one", ("v1",)),)), key="two")

    with pytest.raises(CodecError, match="depends on itself"):
        encode(ruleset(one, two))


def test_a_segment_that_depends_on_itself_is_refused() -> None:
    with pytest.raises(CodecError, match=r"segments\.me: depends on itself"):
        encode(replace(ruleset(), segments={"me": Segment(key="me", conditions=(InSegment("me"),))}))


def test_a_tree_ten_deep_is_the_deepest() -> None:
    assert decode(encode(with_tree(nested(10)))) == with_tree(nested(10))

    with pytest.raises(CodecError, match="deeper than 10"):
        encode(with_tree(nested(11)))


@pytest.mark.parametrize("wrap", [lambda node: node, Not])
def test_a_rule_has_at_most_200_nodes(wrap: Callable[[Node], Node]) -> None:
    each = 1 if wrap(nested(1)) == nested(1) else 2
    fits = [wrap(nested(1)) for _ in range(200 // each)]

    assert decode(encode(with_tree(*fits))) == with_tree(*fits)
    with pytest.raises(CodecError, match="over 200"):
        encode(with_tree(*fits, nested(1)))


def of(wire: Any) -> Any:
    return wire["flags"]["digit-reader"]


def rule_of(wire: Any) -> Any:
    return of(wire)["rules"][0]


def kept_of(wire: Any) -> Any:
    return of(wire)["kept"][0]


def staff(wire: Any) -> Any:
    return wire["segments"]["staff"]


F = "flags.digit-reader"
R = f"{F}.rules[0]"
_WRONG: list[tuple[str, Edit]] = [
    (f"{F}.unit_type", lambda wire: of(wire).update(unit_type="")),
    (f"{F}.sticky", lambda wire: of(wire).update(sticky=1)),
    (f"{F}.epoch", lambda wire: of(wire).update(epoch=-1)),
    (f"{F}", lambda wire: of(wire).update(requires=[{"flag": "gone", "serves": ["v1"]}])),
    (f"{F}", lambda wire: of(wire).update(requires=[{"flag": "base", "serves": ["v9"]}])),
    (f"{F}.requires[0].serves", lambda wire: of(wire).update(requires=[{"flag": "base", "serves": []}])),
    (f"{F}.requires[0].flag", lambda wire: of(wire).update(requires=[{"serves": ["v1"]}])),
    (f"{F}.overrides.user-9", lambda wire: of(wire)["overrides"].update({"user-9": "v9"})),
    (f"{F}.overrides", lambda wire: of(wire)["overrides"].update({"": "v1"})),
    (f"{F}.overrides", lambda wire: of(wire).update(overrides=dict.fromkeys(map(str, range(10_001)), "v1"))),
    (f"{F}.overrides", lambda wire: of(wire).update(overrides=[])),
    (f"{F}.switches", lambda wire: of(wire).update(switches=[[10, True], [10, False]])),
    (f"{F}.switches", lambda wire: of(wire).update(switches=[[at, True] for at in range(1_001)])),
    (f"{F}.switches[0]", lambda wire: of(wire).update(switches=[[10]])),
    (f"{F}.switches[0]", lambda wire: of(wire).update(switches=[[1.5, True]])),
    (f"{F}.kept[0].ranges", lambda wire: kept_of(wire).update(ranges=[[0, 10, "v1"], [5, 20, "v2"]])),
    (f"{F}.kept[0].ranges", lambda wire: kept_of(wire).update(ranges=[[0, 100_001, "v1"]])),
    (f"{F}.kept[0].ranges", lambda wire: kept_of(wire).update(ranges=[[5, 5, "v1"]])),
    (f"{F}.kept[0].ranges[0]", lambda wire: kept_of(wire).update(ranges=[[0, 5, "v9"]])),
    (f"{F}.kept[0].units[0]", lambda wire: kept_of(wire).update(units=["A" * 64])),
    (f"{F}.kept[0].units[0]", lambda wire: kept_of(wire).update(units=["a" * 63])),
    (f"{R}.gates[0].kind", lambda wire: rule_of(wire)["gates"][0].update(kind="moon")),
    (f"{R}.gates[0].spans", lambda wire: rule_of(wire)["gates"][0].update(spans=[[0, 1_001]])),
    (f"{R}.gates[0].spans", lambda wire: rule_of(wire)["gates"][0].update(spans=[[5, 9], [0, 2]])),
    (f"{R}.gates[0].spans[0]", lambda wire: rule_of(wire)["gates"][0].update(spans=[[5]])),
    (f"{R}.gates[0].hashing.seed", lambda wire: rule_of(wire)["gates"][0]["hashing"].pop("seed")),
    (f"{R}.hashing.scheme", lambda wire: rule_of(wire)["hashing"].update(scheme="md5")),
    (f"{R}.hashing.buckets", lambda wire: rule_of(wire)["hashing"].update(buckets=0)),
    (f"{R}.hashing.buckets", lambda wire: rule_of(wire)["hashing"].update(scheme="unleash", buckets=99)),
    (f"{R}.hashing.attribute", lambda wire: rule_of(wire)["hashing"].update(attribute="")),
    (f"{R}.split", lambda wire: rule_of(wire)["hashing"].update(buckets=1_000)),
    (f"{R}.window.end", lambda wire: rule_of(wire).update(window={"start": 5, "end": 5})),
    (f"{R}.window.start", lambda wire: rule_of(wire).update(window={"start": None})),
    (f"{R}.conditions[0].all", lambda wire: rule_of(wire).update(conditions=[{"all": []}])),
    (f"{R}.conditions[0].'any'", lambda wire: rule_of(wire).update(conditions=[{"all": [], "any": []}])),
    (f"{R}.conditions[0].any[0].attribute", lambda wire: rule_of(wire).update(conditions=[{"any": [{}]}])),
    (f"{R}.conditions[0].segment", lambda wire: rule_of(wire).update(conditions=[{"segment": ""}])),
    (f"{R}.conditions[0].not", lambda wire: rule_of(wire).update(conditions=[{"not": {"not": 5}}])),
    (f"{F}", lambda wire: wire.pop("segments")),
    ("segments.staff.'name'", lambda wire: staff(wire).update(name="x")),
    ("segments.staff.included[0]", lambda wire: staff(wire).update(included=["x"])),
    ("segments.staff", lambda wire: staff(wire).update(conditions=[{"segment": "gone"}])),
    ("'segments'", lambda wire: wire.update(format=1)),
]


@pytest.mark.parametrize(("field", "edit"), _WRONG)
def test_what_is_wrong_is_refused_by_name(field: str, edit: Edit) -> None:
    wire = json.loads(encode(RULESET))
    edit(wire)

    with pytest.raises(CodecError) as caught:
        decode(json.dumps(wire).encode())

    assert caught.value.field.startswith(field)


@pytest.mark.parametrize(
    ("field", "edit"),
    [
        ("'segments'", lambda wire: wire.update(segments={})),
        (f"{R}.'gates'", lambda wire: rule_of(wire).update(gates=[])),
        (f"{R}.conditions[0].'all'", lambda wire: rule_of(wire).update(conditions=[{"all": []}])),
        (
            f"{R}.conditions[0].operator",
            lambda wire: rule_of(wire)["conditions"][0].update(operator="exists", values=[True]),
        ),
    ],
)
def test_format_1_has_nothing_newer(field: str, edit: Edit) -> None:
    wire = json.loads(encode(ruleset(flag(rule("r1", where("country", Operator.IN, "DE"))))))
    wire["format"] = 1
    edit(wire)

    with pytest.raises(CodecError) as caught:
        decode(json.dumps(wire).encode())

    assert caught.value.field == field
