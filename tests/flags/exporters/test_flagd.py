"""What flagd's released in-process core serves from our export is what we serve, bit for bit."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from referencing import Registry, Resource

from flags import service
from flags.exporters.flagd import Hash, export
from flags.model import KeyKind
from flags.web.protocols.flagd import flags_json
from pointsman.core.evaluation import Evaluation
from pointsman.core.model import (
    AnyOf,
    Flag,
    Gate,
    GateKind,
    Hashing,
    InSegment,
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
from runtime.database import Database
from tests.conformance import conformance
from tests.flags.exporters.making import CONDITIONS, ODD_SPLIT, asks, color_flag, rule, ruleset_of, units
from tests.flags.making import ANNA, demo
from tests.flags.web import application

CBOR = Hashing(scheme=Scheme.FLAGD_CBOR, seed="demo/f:", buckets=10_000)
PAIR = Hashing(scheme=Scheme.FLAGD_CBOR_PAIR, seed="pair", buckets=10_000)
RED = (Range(0, 100_000, "red"),)
GATE = Gate(
    kind=GateKind.COVERAGE,
    name="",
    hashing=Hashing(scheme=Scheme.FLAGD_CBOR, seed="gate:", buckets=1_000),
    spans=(Span(0, 100), Span(500, 999)),
)


def differences(ruleset: Ruleset, count: int) -> list[Any]:
    """Units whom the provider serves another variant than we do, of so many for each flag."""
    core = FlagdCore()
    core.set_flags(flags_json(ruleset, Hash.CBOR).decode())
    ours = Evaluation(ruleset)
    found = []
    for key in ruleset.flags:
        for unit, context in units(len(key), count):
            theirs = core.resolve_string_value(key, "failed", EvaluationContext(unit, context)).variant
            if theirs != ours.choose(key, unit, context, None).variant:
                found.append((key, unit, context.get("any"), theirs))
    return found


def test_splits_and_gates_serve_units_alike() -> None:
    ruleset = ruleset_of(
        color_flag("f", rule(CBOR, ODD_SPLIT)),
        color_flag("pair", rule(PAIR, ODD_SPLIT)),
        color_flag(
            "gated", rule(CBOR, ODD_SPLIT, gates=(GATE,)), rule(None, RED, asks("any", Operator.EQUALS, 1))
        ),
        color_flag("off", enabled=False),
        color_flag("overridden", rule(CBOR, ODD_SPLIT), overrides={f"user-{n}": "blue" for n in range(900)}),
        color_flag("forced", rule(None, RED)),
    )

    assert differences(ruleset, 5_000) == []


def test_every_operator_serves_units_with_values_of_every_type_alike() -> None:
    staff = Segment(key="staff", conditions=(asks("any", Operator.EQUALS, "DE"),))
    asked = (*CONDITIONS, InSegment("staff"))
    flags = [color_flag(f"c{index}", rule(None, RED, each)) for index, each in enumerate(asked)]
    ruleset = ruleset_of(*flags, staff=staff)

    assert all(line.carried for line in export(ruleset, Hash.CBOR).lines)
    assert differences(ruleset, 2_000) == []


def test_what_flags_ask_of_each_other_serves_units_alike() -> None:
    red = Serves("parent", ("red", "blue"))
    ruleset = ruleset_of(
        color_flag("parent", rule(CBOR, ODD_SPLIT, asks("any", Operator.EXISTS, True))),
        color_flag("asleep", enabled=False),
        color_flag("needing", rule(CBOR, ODD_SPLIT), requires=(red,), overrides={"user-1": "red"}),
        color_flag("either", rule(None, RED, AnyOf((Not(red), asks("any", Operator.EQUALS, 1))))),
        color_flag("never", rule(CBOR, ODD_SPLIT), requires=(Serves("asleep", ("red",)),)),
        color_flag("third", rule(None, RED, Serves("needing", ("green",)), Serves("either", ("red",)))),
    )

    assert all(line.carried for line in export(ruleset, Hash.CBOR).lines)
    assert differences(ruleset, 5_000) == []


def test_a_flag_that_asks_one_drawn_by_its_own_key_is_left_out() -> None:
    asking = color_flag("asking", rule(None, RED, Serves("pair", ("red",))))

    lines = export(ruleset_of(color_flag("pair", rule(PAIR, ODD_SPLIT)), asking), Hash.CBOR).lines

    assert [(line.flag, line.carried) for line in lines] == [("pair", True), ("asking", False)]
    assert "drawn by its own key" in lines[1].why


def test_a_flag_whose_questions_would_fill_a_book_is_left_out() -> None:
    flags = [color_flag("f0")]
    for number in range(1, 8):
        twice = AnyOf((Serves(f"f{number - 1}", ("red",)), Serves(f"f{number - 1}", ("blue",))))
        flags.append(color_flag(f"f{number}", rule(None, RED, twice)))

    lines = export(ruleset_of(*flags), Hash.CBOR).lines

    assert [line.carried for line in lines] == [True] * 4 + [False] * 4
    assert "more than 20 flags" in lines[-1].why


@pytest.mark.parametrize("first", [True, False])
def test_switches_hold_at_the_same_seconds(monkeypatch: pytest.MonkeyPatch, *, first: bool) -> None:
    switches = tuple(Switch(at=at, enabled=(at // 1_000) % 2 == first) for at in (1_000, 2_000, 3_000))
    ruleset = ruleset_of(
        color_flag("timed", rule(None, RED), enabled=first, switches=switches),
        color_flag("child", rule(None, RED), requires=(Serves("timed", ("red",)),)),
    )
    core = FlagdCore()
    core.set_flags(flags_json(ruleset, Hash.CBOR).decode())
    seen = set()

    for second in (999, 1_000, 1_999, 2_000, 2_999, 3_000, 4_000):
        clock = partial(float, second)
        monkeypatch.setattr("time.time", clock)
        ours = Evaluation(ruleset, now=clock)
        for key in ruleset.flags:
            theirs = core.resolve_string_value(key, "failed", EvaluationContext("u")).variant
            assert theirs == ours.choose(key, "u", {}, None).variant
            seen.add(theirs)

    assert seen == {"red", "blue"}


def test_windows_hold_at_the_same_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    timed = Rule(id="r1", conditions=(), split=RED, window=Window(start=1_000, end=2_000))
    ruleset = ruleset_of(color_flag("timed", timed))
    core = FlagdCore()
    core.set_flags(flags_json(ruleset, Hash.CBOR).decode())

    for second in (999, 1_000, 1_999, 2_000):
        clock = partial(float, second)
        monkeypatch.setattr("time.time", clock)
        ours = Evaluation(ruleset, now=clock)
        theirs = core.resolve_string_value("timed", "failed", EvaluationContext("u")).variant
        assert theirs == ours.choose("timed", "u", {}, None).variant


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        (color_flag("f", rule(None, ODD_SPLIT)), "scheme pointsman"),
        (color_flag("f", sticky=True), "sticky"),
        (color_flag("f", rule(None, RED, asks("any", Operator.SEMVER_GT, "1.0.0"))), "semver_gt"),
        (color_flag("f", variants={"red": 1, "green": "x", "blue": None}), "different types"),
    ],
)
def test_what_flagd_cannot_say_is_left_out_with_the_reason(flag: Flag, why: str) -> None:
    found = export(ruleset_of(flag), Hash.CBOR)

    assert found.flags == {}
    assert [(line.carried, why in line.why) for line in found.lines] == [(False, True)]


def test_the_document_is_valid_against_the_published_schemas() -> None:
    flags_schema, targeting_schema = (
        json.loads(conformance(f"flagd/{name}.schema.json").read_text()) for name in ("flags", "targeting")
    )
    # The first refers to "./targeting.json", from wherever it lies itself.
    targeting = Resource.from_contents(targeting_schema)
    base = "https://flagd.dev/schema/v0"
    known = [("./targeting.json", targeting), (f"{base}/targeting.json", targeting)]
    registry: Registry[Any] = Registry().with_resources(known)
    rules = [rule(CBOR, ODD_SPLIT, each, gates=(GATE,)) for each in CONDITIONS]
    flags = [color_flag(f"c{index}", each) for index, each in enumerate(rules)]
    needs, switched = (Serves("c0", ("red",)),), (Switch(at=1, enabled=False), Switch(at=2, enabled=True))
    flags.append(color_flag("asking", rules[0], requires=needs, switches=switched))
    ruleset = ruleset_of(*flags, color_flag("pair", rule(PAIR, ODD_SPLIT)))
    document = json.loads(flags_json(ruleset, Hash.CBOR))

    validator = Draft7Validator(flags_schema, registry=registry)
    problems = [error.message for error in validator.iter_errors(document)]

    assert len(document["flags"]) == len(flags) + 1
    assert problems == []


_OLD_CORE = """
import json, sys
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
core = FlagdCore()
core.set_flags(sys.stdin.readline())
ask = lambda n: core.resolve_string_value("f", "", EvaluationContext(f"u{n}")).variant
print(json.dumps([ask(n) for n in range(100_000)]))
"""


@pytest.mark.slow
def test_providers_of_plain_text_draw_our_own_scheme_alike(tmp_path: Path) -> None:
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path)]
    installed = subprocess.run([*install, "openfeature-flagd-core==1.0.0"], capture_output=True, check=False)
    if installed.returncode:
        pytest.skip("openfeature-flagd-core 1.0.0 cannot be installed here")
    ours = Evaluation(ruleset_of(color_flag("f", rule(None, OURS))))
    document = flags_json(ruleset_of(color_flag("f", rule(None, OURS))), Hash.TEXT).decode()

    answered = subprocess.run(
        [sys.executable, "-c", _OLD_CORE],
        input=document,
        capture_output=True,
        check=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path)},
    )

    served = [ours.choose("f", f"u{n}", {}, None).variant for n in range(100_000)]
    assert json.loads(answered.stdout) == served


OURS = (
    Range(0, 33_333, "red"),
    Range(33_333, 60_000, "green"),
    Range(60_000, 77_777, "red"),
    Range(77_777, 100_000, "blue"),
)


def test_the_document_is_served_to_server_keys_with_a_tag(sqlite_database: Database) -> None:
    with sqlite_database.session() as session:
        demo(session)
        server = service.create_sdk_key(session, ANNA, "demo", "prod", name="s").secret
        browser = service.create_sdk_key(session, ANNA, "demo", "prod", name="c", kind=KeyKind.CLIENT).secret
    client = application(sqlite_database).test_client()
    bearer = {"Authorization": f"Bearer {server}"}

    first = client.get("/flagd/v1/flags.json", headers=bearer)
    again = client.get("/flagd/v1/flags.json", headers={**bearer, "If-None-Match": first.headers["ETag"]})
    text = client.get(
        "/flagd/v1/flags.json?hashing=text", headers={**bearer, "If-None-Match": first.headers["ETag"]}
    )

    assert list(first.get_json()["flags"]) == ["ranker"]
    assert (again.status_code, again.data) == (304, b"")
    assert text.status_code == 200
    assert client.get("/flagd/v1/flags.json?hashing=md5", headers=bearer).status_code == 422
    assert client.get("/flagd/v1/flags.json").status_code == 401
    refused = client.get("/flagd/v1/flags.json", headers={"Authorization": f"Bearer {browser}"})
    assert refused.status_code == 403
