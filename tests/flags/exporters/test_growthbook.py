"""What GrowthBook's own Python SDK serves from our payload is what we serve."""

from typing import Any

import pytest
from growthbook import GrowthBook

from flags import service
from flags.exporters.growthbook import export
from flags.model import KeyKind
from pointsman.core.evaluation import Evaluation
from pointsman.core.model import (
    AllOf,
    AnyOf,
    Flag,
    Gate,
    GateKind,
    Hashing,
    InSegment,
    Node,
    Not,
    Operator,
    Range,
    Rule,
    Ruleset,
    Scheme,
    Segment,
    Serves,
    Span,
    Switch,
    Window,
)
from pointsman.core.splits import reweight
from runtime.database import Database
from tests.flags.exporters.making import CONDITIONS, ODD_SPLIT, asks, color_flag, rule, ruleset_of, units
from tests.flags.making import ANNA, demo
from tests.flags.web import application

V1 = Hashing(scheme=Scheme.GROWTHBOOK_V1, seed="old", buckets=1_000)
V2 = Hashing(scheme=Scheme.GROWTHBOOK_V2, seed="new", buckets=10_000)
RED = (Range(0, 100_000, "red"),)
HALVES = (Range(0, 500, "red"), Range(500, 1_000, "green"))
REWEIGHTED = reweight(HALVES, {"red": 201, "green": 400, "blue": 399}, buckets=1_000)
GATE = Gate(kind=GateKind.LAYER, name="l", hashing=V2, spans=(Span(0, 1_234), Span(5_000, 9_999)))
OTHER = Gate(
    kind=GateKind.COVERAGE,
    name="",
    hashing=Hashing(scheme=Scheme.GROWTHBOOK_V1, seed="gate", buckets=1_000),
    spans=(Span(0, 701),),
)


def differences(ruleset: Ruleset, count: int) -> list[Any]:
    """Units whom the SDK serves another value than we do, of so many for each flag."""
    found = export(ruleset)
    assert all(line.carried for line in found.lines), found.lines
    theirs = GrowthBook(features=found.flags)
    ours = Evaluation(ruleset)
    moves = []
    for key in ruleset.flags:
        for unit, context in units(len(key), count):
            theirs.set_attributes(context)
            served = ours.choose(key, unit, context, None)
            if served.error is not None or theirs.eval_feature(key).value != served.value:
                moves.append((key, unit, context.get("any"), served))
    return moves


def test_splits_and_gates_serve_units_alike() -> None:
    ruleset = ruleset_of(
        color_flag("v1", rule(V1, REWEIGHTED)),
        color_flag("v2", rule(V2, ODD_SPLIT)),
        color_flag("gated", rule(V2, ODD_SPLIT, gates=(GATE, OTHER)), rule(None, RED, gates=(OTHER,))),
        color_flag("off", enabled=False),
        color_flag("overridden", rule(V1, HALVES), overrides={f"user-{n}": "blue" for n in range(900)}),
    )

    assert differences(ruleset, 5_000) == []


def test_every_operator_serves_units_with_values_of_every_type_alike() -> None:
    asked = (*CONDITIONS, InSegment("staff"))
    staff = Segment(key="staff", conditions=(asks("any", Operator.EQUALS, "DE"),))
    flags = [color_flag(f"c{index}", rule(None, RED, each)) for index, each in enumerate(asked)]

    assert differences(ruleset_of(*flags, staff=staff), 2_000) == []


def test_what_flags_ask_of_each_other_serves_units_alike() -> None:
    red = Serves("parent", ("red", "blue"))
    ruleset = ruleset_of(
        color_flag("third", rule(None, RED, Serves("needing", ("green",)), Serves("not", ("red",)))),
        color_flag("parent", rule(V2, ODD_SPLIT, asks("any", Operator.EXISTS, True))),
        color_flag("asleep", enabled=False),
        color_flag("needing", rule(V1, REWEIGHTED), requires=(red,), overrides={"user-1": "red"}),
        color_flag("not", rule(V2, ODD_SPLIT, AllOf((Not(red), asks("any", Operator.EXISTS, True))))),
        color_flag("never", rule(V1, HALVES), requires=(Serves("asleep", ("red",)),)),
    )

    assert differences(ruleset, 5_000) == []


@pytest.mark.parametrize(
    ("parent", "node", "why"),
    [
        (color_flag("p", sticky=True), Serves("p", ("red",)), "left out itself"),
        (color_flag("p", variants={"red": {}, "green": 1, "blue": 2}), Serves("p", ("red",)), "compare"),
        (color_flag("p", variants={"red": 1, "green": True, "blue": 2}), Serves("p", ("red",)), "compare"),
        (color_flag("p", variants={"red": 1, "green": 1.0, "blue": 2}), Serves("p", ("red",)), "same value"),
        (color_flag("p"), AnyOf((Serves("p", ("red",)), asks("any", Operator.EQUALS, 1))), "other flags"),
    ],
)
def test_a_flag_that_asks_what_growthbook_cannot_is_left_out(parent: Flag, node: Node, why: str) -> None:
    lines = export(ruleset_of(color_flag("asking", rule(None, RED, node)), parent)).lines

    assert (lines[0].flag, lines[0].carried, why in lines[0].why) == ("asking", False, True)


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        (color_flag("f", rule(None, (Range(0, 1, "red"), Range(1, 100_000, "blue")))), "scheme pointsman"),
        (color_flag("f", sticky=True), "sticky"),
        (color_flag("f", switches=(Switch(at=1, enabled=True),)), "clock"),
        (color_flag("f", variants={"red": 1, "green": 2, "blue": None}), "null"),
        (color_flag("f", rule(None, RED, asks("any", Operator.DATE_GT, "2026-01-01"))), "date_gt"),
        (
            color_flag("f", Rule(id="r", conditions=(), split=RED, window=Window(start=1, end=None))),
            "beginning or end",
        ),
    ],
)
def test_what_growthbook_cannot_say_is_left_out_with_the_reason(flag: Flag, why: str) -> None:
    found = export(ruleset_of(flag))

    assert found.flags == {}
    assert [(line.carried, why in line.why) for line in found.lines] == [(False, True)]


def test_features_are_served_by_a_key_in_the_address_where_the_operator_opted_in(
    sqlite_database: Database,
) -> None:
    with sqlite_database.session() as session:
        demo(session)
        keys = {
            name: service.create_sdk_key(session, ANNA, "demo", name, name="b", kind=KeyKind.CLIENT).secret
            for name in ("prod", "dev")
        }
    client = application(sqlite_database).test_client()

    served = client.get(f"/api/features/{keys['prod']}")
    again = client.get(f"/api/features/{keys['prod']}", headers={"If-None-Match": served.headers["ETag"]})

    assert list(served.get_json()["features"]) == ["ranker"]
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(f"/api/features/{keys['dev']}").get_json()["features"] == {}
    assert client.get("/api/features/psk_unknown").status_code == 401


def test_every_flag_is_listed_with_what_each_protocol_makes_of_it(sqlite_database: Database) -> None:
    with sqlite_database.session() as session:
        demo(session)
        secret = service.create_sdk_key(session, ANNA, "demo", "dev", name="s").secret
    client = application(sqlite_database).test_client()

    answered = client.get("/v1/exports", headers={"Authorization": f"Bearer {secret}"})
    listed = answered.get_json()["protocols"]

    assert listed["flagd-cbor"] == [{"flag": "ranker", "carried": True, "why": ""}]
    assert listed["growthbook"][0]["carried"] is False
    assert "POINTSMAN_GROWTHBOOK" in listed["growthbook"][0]["why"]
    assert client.get("/v1/exports").status_code == 401
