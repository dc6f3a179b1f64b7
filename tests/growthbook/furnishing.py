"""Flags that GrowthBook's SDKs draw themselves, and units to ask for."""

import random
from typing import Any

from sqlalchemy.orm import Session

from flags import importing, queries, service
from flags.importers import growthbook
from flags.importers.model import Options
from flags.model import FlagAt, NewFlag, RuleDraft, Targeting
from pointsman.core.model import AnyOf, Condition, Json, Kind, Node, Not, Operator, Scheme, Serves
from tests.flags.making import ANNA, project

COLORS: dict[str, Json] = {"red": "#f00", "green": "#0f0", "blue": "#00f"}
FLAGS = ("classic", "modern", "namespaced", "asking")
SWITCHED = "switched"

# As GrowthBook spells it: a share of the units, a namespace, and filters for two of their hashes.
NAMESPACED: dict[str, Any] = {
    "defaultValue": "#00f",
    "rules": [
        {
            "key": "old",
            "seed": "older",
            "hashAttribute": "id",
            "variations": ["#f00", "#0f0", "#00f"],
            "weights": [0.1, 0.3, 0.6],
            "coverage": 0.7,
            "namespace": ["checkout", 0.1, 0.8],
        },
        {
            "key": "new",
            "hashAttribute": "id",
            "hashVersion": 2,
            "seed": "newer",
            "variations": ["#f00", "#0f0"],
            "ranges": [[0, 0.4567], [0.5, 0.9999]],
            "filters": [{"seed": "pricing", "ranges": [[0, 0.25], [0.5, 1]], "hashVersion": 2}],
        },
    ],
}


def asks(attribute: str, operator: Operator, *values: bool | int | float | str) -> Node:
    """A condition."""
    return Condition(attribute=attribute, operator=operator, values=values)


PAYING: tuple[Node, ...] = (
    AnyOf((asks("country", Operator.IN, "DE", "AT"), asks("age", Operator.NUMBER_GE, 60))),
    Not(asks("groups", Operator.LIST_ANY, "staff")),
    asks("user.plan", Operator.EQUALS, "pro"),
)


def furnish(session: Session) -> None:
    """The flags, switched on in `demo/prod`, after two re-weights."""
    project(session)
    _put(session, "classic", Scheme.GROWTHBOOK_V1, _split(100_000, 0, 0))
    _target(session, "classic", _split(20_100, 40_000, 39_900))
    _target(session, "classic", _split(33_300, 33_400, 33_300))
    named = {f"user-{number}": "blue" for number in range(0, 3_000, 3)}
    _put(
        session,
        "modern",
        Scheme.GROWTHBOOK_V2,
        _split(1_230, 48_770, 50_000, *PAYING),
        _split(98_760, 1_230, 10),
        overrides=named,
    )
    _put(
        session,
        "asking",
        Scheme.GROWTHBOOK_V2,
        _split(100_000, 0, 0, *PAYING[:2]),
        _split(0, 100_000, 0, asks("country", Operator.TEXT_STARTS, "F")),
        _split(50_000, 50_000, 0, asks("age", Operator.NOT_IN, 17, 18)),
        requires=(Serves("classic", ("red", "green")),),
    )
    _put(session, SWITCHED, Scheme.GROWTHBOOK_V2, _split(100_000, 0, 0))
    found = growthbook.mapped({"features": {"namespaced": NAMESPACED}}, Options())
    importing.carry_out(session, ANNA, "demo", "prod", found, update=False)


def switch(session: Session, *, enabled: bool) -> None:
    """Switch the flag that serves red while it is on, and blue while it is off."""
    at = FlagAt("demo", "prod", SWITCHED)
    version = queries.get_state(session, at).version
    service.set_enabled(session, ANNA, at, enabled=enabled, expected_version=version)


def contexts(count: int) -> list[dict[str, Any]]:
    """Units of several spellings with attributes of several types; some lack some."""
    chance = random.Random(7)
    found = []
    for number in range(count):
        unit = chance.choice((f"user-{number}", f"{chance.getrandbits(64):x}", f"ü-{number}-日本"))
        context: dict[str, Any] = {"id": unit, "user": {"plan": chance.choice(("pro", "free"))}}
        context["country"] = chance.choice(("DE", "AT", "FR", "FI", ""))
        context["age"] = chance.choice((17, 18, 18.5, 60, -1))
        context["groups"] = chance.choice(([], ["beta"], ["beta", "staff"]))
        for name in chance.sample(("country", "age", "groups"), chance.randrange(2)):
            del context[name]
        found.append(context)
    return found


def _split(red: int, green: int, blue: int, *conditions: Node) -> RuleDraft:
    return RuleDraft(conditions=conditions, weights={"red": red, "green": green, "blue": blue})


def _put(session: Session, key: str, scheme: Scheme, *rules: RuleDraft, **more: Any) -> None:
    new = NewFlag(key=key, kind=Kind.STRING, variants=COLORS, scheme=scheme)
    service.create_flag(session, ANNA, "demo", new)
    _target(session, key, *rules, **more)
    at = FlagAt("demo", "prod", key)
    version = queries.get_state(session, at).version
    service.set_enabled(session, ANNA, at, enabled=True, expected_version=version)


def _target(session: Session, key: str, *rules: RuleDraft, **more: Any) -> None:
    at = FlagAt("demo", "prod", key)
    state = queries.get_state(session, at)
    wanted = Targeting(rules=rules, default="green", off="blue", **more)
    service.set_targeting(session, ANNA, at, wanted, expected_version=state.version)
