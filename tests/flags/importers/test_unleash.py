"""Unleash's features, imported, give every unit what Unleash's own engine and client's context give it."""

import json
import random
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from yggdrasil_engine.engine import UnleashEngine

from flags.importers import unleash
from flags.importers.model import Import, Options, Outcome
from pointsman.core.model import Json
from tests.flags.importers.trial import Context, evaluation_of, moved

UNITS = 100_000
NOW = 1_767_225_600


def units(seed: int, count: int) -> Iterator[tuple[str, Context]]:
    """Users whose contexts hold what the constraints below ask for."""
    chance = random.Random(seed)
    for number in range(count):
        unit = chance.choice((f"user-{number % 5_000}", f"{chance.getrandbits(64):x}", f"ü-{number}-日本"))
        context: dict[str, object] = {
            "userId": unit,
            "sessionId": f"s{chance.getrandbits(32)}",
            "remoteAddress": chance.choice(("10.1.2.3", "192.0.2.7", "2001:db8::1", "nonsense")),
            "country": chance.choice(("DE", "AT", "FR", "5")),
            "age": chance.choice((0, 17, 18, 18.5, 65)),
            "mail": chance.choice(("anna@example.org", "Bert@EXAMPLE.org", "kai", "KAI", "\u212aai")),
            "version": chance.choice(("1.9.9", "2.0.0-rc.1", "2.0.0", "2.10.0", "x")),
            "since": chance.choice(("2024-01-31T10:00:00Z", "2026-02-01T00:00:00.5+02:00", "x")),
        }
        for name in chance.sample(sorted(context.keys() - {"userId"}), chance.randrange(3)):
            del context[name]
        yield unit, context


def feature(name: str, *strategies: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A feature that is enabled."""
    return {"name": name, "enabled": True, "type": "release", "strategies": list(strategies), **parts}


def strategy(
    name: str = "default", *constraints: Any, variants: Any = (), segments: Any = (), **parameters: str
) -> Any:
    """A strategy."""
    return {
        "name": name,
        "parameters": parameters,
        "constraints": list(constraints),
        "variants": list(variants),
        "segments": list(segments),
    }


def rollout(
    share: int, *constraints: Any, stickiness: str = "default", group: str = "g", **parts: Any
) -> Any:
    """A flexible rollout."""
    found = {"rollout": str(share), "stickiness": stickiness, "groupId": group}
    return strategy("flexibleRollout", *constraints, **parts, **found)


def variant(name: str, weight: int, **parts: Any) -> dict[str, Any]:
    """A variant."""
    return {"name": name, "weight": weight, "stickiness": "default", **parts}


def constraint(field: str, operator: str, *values: str, **parts: Any) -> dict[str, Any]:
    """A constraint: operators of one value take the first."""
    given = {"value": values[0]} if values and not operator.startswith(("IN", "NOT", "STR")) else {}
    return {"contextName": field, "operator": operator, "values": list(values), **given, **parts}


def document(*features: dict[str, Any], segments: Any = ()) -> Any:
    """A document as clients receive it."""
    return {"version": 2, "features": list(features), "segments": list(segments)}


def read(found: Any) -> Import:
    """The document, imported."""
    return unleash.mapped(found, Options())


def differences(found: Any, count: int) -> list[Any]:
    """Users whom the import would move, of so many for each flag."""
    engine = UnleashEngine()
    engine.take_state(json.dumps(found))
    ours = evaluation_of(read(found), now=lambda: NOW)
    with_variants = {
        each["name"] for each in found["features"] if each.get("variants") or _own(each["strategies"])
    }
    moves = []
    for name in (each["name"] for each in found["features"]):
        theirs = partial(_variant if name in with_variants else _enabled, engine, name)
        moves += moved(ours, name, theirs, units(len(name), count), varied=False, named=name in with_variants)
    return moves


def _own(strategies: list[Any]) -> bool:
    return any(each["variants"] for each in strategies)


BASE = ("userId", "sessionId", "remoteAddress")


def _context(context: Context) -> dict[str, Any]:
    """As the Python client hands it to the engine: everything as text."""
    properties = {name: str(value) for name, value in context.items() if name not in BASE}
    base = {name: str(context[name]) for name in BASE if name in context}
    return {**base, "properties": properties, "currentTime": "2026-01-01T00:00:00+00:00"}


def _enabled(engine: UnleashEngine, name: str, _: str, context: Context) -> Json:
    return bool(engine.is_enabled(name, _context(context)).is_enabled)


def _variant(engine: UnleashEngine, name: str, _: str, context: Context) -> Json:
    found = engine.get_variant(name, _context(context)).variant
    if found.enabled:
        return str(found.name)
    return "enabled" if found.feature_enabled else "disabled"


ARMS = (
    variant("red", 333, payload={"type": "string", "value": "#f00"}),
    variant("green", 333, payload={"type": "json", "value": '{"a": 1}'}),
    variant("blue", 334, payload={"type": "number", "value": "5"}),
)


def test_rollouts_move_none_of_100_000_units() -> None:
    found = document(
        feature("flexible", rollout(37)),
        feature("by-session", rollout(50, stickiness="sessionId", group="other")),
        feature("by-country", rollout(40, stickiness="country"), rollout(100, stickiness="version")),
        feature("gradual", strategy("gradualRolloutUserId", percentage="12", groupId="old")),
        feature("users", strategy("userWithId", userIds="user-1, user-2,user-77"), rollout(3)),
        feature("addresses", strategy("remoteAddress", IPs="10.0.0.0/8, 2001:db8::/32,192.0.2.9")),
        feature("always"),
        feature("never", rollout(0)),
        feature("off", strategy(), enabled=False),
        feature("session", strategy("gradualRolloutSessionId", percentage="70", groupId="s")),
    )

    assert differences(found, UNITS // 10) == []


def test_variants_move_none_of_100_000_units() -> None:
    forced = variant("blue", 500, overrides=[{"contextName": "userId", "values": ["user-1", "user-2"]}])
    french = variant("red", 500, overrides=[{"contextName": "country", "values": ["FR"]}])
    found = document(
        feature("colors", rollout(60), variants=list(ARMS)),
        feature("strategies", rollout(30, variants=ARMS), strategy(), variants=[variant("x", 1_000)]),
        feature("overridden", strategy(), variants=[forced, french]),
        feature("mixed", rollout(50, variants=ARMS, group="h"), strategy()),
    )

    assert differences(found, UNITS // 4) == []


def test_dependencies_move_none_of_100_000_units() -> None:
    found = document(
        feature("child", strategy(), dependencies=[{"feature": "parent"}]),
        feature("red-only", rollout(50), dependencies=[{"feature": "parent", "variants": ["red", "blue"]}]),
        feature("inverse", strategy(), dependencies=[{"feature": "parent", "enabled": False}]),
        feature("grandchild", strategy(), dependencies=[{"feature": "child"}]),
        feature("lost", strategy(), dependencies=[{"feature": "nowhere"}]),
        feature("parent", rollout(60), variants=list(ARMS)),
    )

    assert differences(found, UNITS // 6 + 1) == []


CONSTRAINTS = (
    constraint("country", "IN", "DE", "5"),
    constraint("country", "NOT_IN", "DE"),
    constraint("country", "IN"),
    constraint("age", "IN", "17", "65"),
    constraint("userId", "IN", "user-1", "user-5"),
    *(constraint("mail", operator, "anna", "org") for operator in ("STR_STARTS_WITH", "STR_ENDS_WITH")),
    constraint("mail", "STR_CONTAINS", "EXAMPLE"),
    constraint("mail", "STR_CONTAINS"),
    constraint("mail", "STR_CONTAINS", "EXAMPLE", "kAI", caseInsensitive=True),
    constraint("mail", "STR_STARTS_WITH", "KAI", "bert", caseInsensitive=True),
    *(constraint("age", f"NUM_{operator}", "18") for operator in ("EQ", "LT", "LTE", "GT", "GTE")),
    constraint("age", "NUM_GT", "17.5"),
    *(constraint("version", f"SEMVER_{operator}", "2.0.0") for operator in ("EQ", "LT", "GT")),
    *(
        constraint("since", f"DATE_{operator}", "2025-06-01T00:00:00.000Z")
        for operator in ("BEFORE", "AFTER")
    ),
)
SEGMENTS = (
    {"id": 1, "name": "Germans", "constraints": [constraint("country", "IN", "DE", "AT")]},
    {"id": 2, "name": "everybody", "constraints": []},
)


def test_constraints_and_segments_move_none_of_100_000_units() -> None:
    asked = [each for one in CONSTRAINTS for each in (one, {**one, "inverted": True})]
    features = [feature(f"c{index}", rollout(90, each)) for index, each in enumerate(asked)]
    segmented = feature("segmented", strategy("default", CONSTRAINTS[0], segments=[1, 2]), rollout(20))
    past = constraint("currentTime", "DATE_AFTER", "2025-12-31T23:59:59.000Z")
    future = constraint("currentTime", "DATE_BEFORE", "2025-12-31T23:59:59.000Z")
    timed = feature("timed", strategy("default", past, CONSTRAINTS[0]), strategy("default", future))
    found = document(*features, segmented, timed, segments=SEGMENTS)

    assert len(read(found).flags) == len(features) + 2
    assert differences(found, UNITS // len(features) + 1) == []


@pytest.mark.parametrize(
    ("found", "place"),
    [
        (feature("f", rollout(50, stickiness="random")), "strategies.0"),
        (feature("f", strategy("applicationHostname", hostNames="a")), "strategies.0"),
        (feature("f", strategy("default", segments=[9])), "strategies.0.segments"),
        (feature("f", strategy("default", constraint("mail", "REGEX", "x"))), "strategies.0.constraints.0"),
        (feature("f", strategy("flexibleRollout", rollout="12.5", groupId="g")), "strategies.0.rollout"),
    ],
)
def test_a_feature_with_what_cannot_be_carried_is_left_out_and_says_why(found: Any, place: str) -> None:
    result = read(document(found))

    assert result.flags == ()
    assert [(each.outcome, each.place) for each in result.findings] == [(Outcome.LEFT_OUT, place)]
