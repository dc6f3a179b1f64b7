"""flagd's flags, imported, give every unit what the released core of flagd's Python provider gives it."""

import json
import random
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from flags.importers import flagd
from flags.importers.model import Import, Options, Outcome
from pointsman.core.model import Json
from tests.flags.importers.trial import Context, evaluation_of, moved

UNITS = 100_000


def units(seed: int, count: int) -> Iterator[tuple[str, Context]]:
    """Units with attributes of the shapes the targeting below asks for."""
    chance = random.Random(seed)
    for number in range(count):
        unit = chance.choice(
            (f"user-{number % 5_000}", f"{chance.getrandbits(64):x}", f"ü-{number}-日本", "x" * 300)
        )
        context: dict[str, object] = {
            "country": chance.choice(("DE", "AT", "FR", "")),
            "age": chance.choice((0, 17, 18, 18.5, 65, -3)),
            "company": chance.choice((f"c{number % 997}", number, "")),
            "groups": chance.choice(([], ["beta"], ["beta", "staff"], "alphabeta")),
            "version": chance.choice(("1.9.9", "2.0.0-rc.1", "2.0.0", "2.10.0", "2.9.1", "3.0.0")),
            "staff": chance.choice((True, False, "yes", 0, "")),
            "user": {"plan": chance.choice(("pro", "free"))},
        }
        for name in chance.sample(sorted(context), chance.randrange(3)):
            del context[name]
        context.setdefault("version", "0.0.1")
        yield unit, context


def flag(targeting: Any, **parts: Any) -> dict[str, Any]:
    """A flag of three colours."""
    variants = {"red": "#f00", "green": "#0f0", "blue": "#00f"}
    usual = {"state": "ENABLED", "variants": variants, "defaultVariant": "blue", "targeting": targeting}
    return {**usual, **parts}


def read(flags: Any, shared: Any = None, *, partial: bool = False) -> Import:
    """The flags, imported."""
    return flagd.mapped({"flags": flags, "$evaluators": shared or {}}, Options(partial=partial))


def differences(flags: dict[str, Any], shared: Any = None) -> list[Any]:
    """Units whom the import would move, of 100,000 shared among the flags."""
    core = FlagdCore()
    core.set_flags(json.dumps({"flags": flags, "$evaluators": shared or {}}))
    ours = evaluation_of(read(flags, shared))
    moves = []
    for key in flags:
        theirs = partial(_theirs, core, key)
        moves += moved(ours, key, theirs, units(len(key), UNITS // len(flags) + 1), varied=False)
    return moves


def _theirs(core: FlagdCore, key: str, unit: str, context: Context) -> Json:
    attributes: Any = dict(context)
    return str(core.resolve_string_value(key, "failed", EvaluationContext(unit, attributes)).value)


def var(name: str) -> Any:
    """An attribute."""
    return {"var": name}


def test_fractions_move_none_of_100_000_units() -> None:
    seeded = {"cat": ["salt:", var("targetingKey")]}
    company = {"cat": [var("$flagd.flagKey"), var("company")]}
    flags = {
        "shorthand": flag({"fractional": [["red", 33], ["green", 33], ["blue", 34]]}),
        "fine": flag({"fractional": [seeded, ["red", 12_345], ["green", 1], ["red", 87_654]]}),
        "implied": flag({"fractional": [var("targetingKey"), ["red"], ["green"], [None]]}),
        "company": flag({"fractional": [company, ["red", 50], ["green", 50]]}),
        "nested": flag(
            {
                "if": [
                    {"==": [var("country"), "DE"]},
                    {"fractional": [["red", 1], ["green", -1], ["blue", 1]]},
                    {"in": [var("targetingKey"), ["user-1", "user-2"]]},
                    "green",
                    {"if": [{"<": [var("age"), 18]}, "red", {">": [var("age"), 60]}, None, "green"]},
                ]
            }
        ),
        "plain": flag({}),
    }

    assert differences(flags) == []


CONDITIONS: tuple[Any, ...] = (
    *({name: [var("country"), "DE"]} for name in ("==", "===", "!=", "!==")),
    *({name: [var("age"), 18]} for name in ("==", "!=", "<", "<=", ">", ">=")),
    *({name: [18, var("age")]} for name in ("<", "<=", ">", ">=")),
    {"<": [10, var("age"), 60]},
    {"in": [var("country"), ["DE", "FR"]]},
    {"in": ["beta", var("groups")]},
    {"in": [var("age"), [17, 18.5]]},
    {"==": [var("targetingKey"), "user-1"]},
    {"starts_with": [var("country"), "D"]},
    {"ends_with": [var("country"), "T"]},
    *({"sem_ver": [var("version"), each, "2.0.0"]} for each in ("=", "!=", "<", "<=", ">", ">=", "^", "~")),
    {"sem_ver": [var("version"), "~", "v2.9"]},
    {"!": [var("country")]},
    {"!!": [var("staff")]},
    var("staff"),
    {"==": [var("user.plan"), "pro"]},
    {"and": [{"==": [var("country"), "DE"]}, {"or": [{">": [var("age"), 17]}, var("staff")]}]},
    {"$ref": "german"},
    True,
)


def test_conditions_move_none_of_100_000_units() -> None:
    shared = {"german": {"in": [var("country"), ["DE", "AT"]]}}
    flags = {f"c{index}": flag({"if": [each, "red", "green"]}) for index, each in enumerate(CONDITIONS)}

    assert len(read(flags, shared).flags) == len(flags)
    assert differences(flags, shared) == []


@pytest.mark.parametrize(
    ("definition", "place"),
    [
        (flag({"fractional": [var("company"), ["red"], ["green"]]}), "targeting.fractional"),
        (flag({"if": [{"==": [var("n"), 1]}, "red"]}), "targeting.if.0.=="),
        (flag({"if": [{"%": [var("n"), 2]}, "red"]}), "targeting.if.0.%"),
        (flag({"if": [True, "purple"]}), "targeting.if.0"),
        (flag({}, state="DISABLED"), "state"),
        (flag({}, defaultVariant=None), "defaultVariant"),
        (flag({"fractional": [{"cat": [var("a"), var("b")]}, ["red"]]}), "targeting.fractional"),
    ],
)
def test_a_flag_with_what_cannot_be_carried_is_left_out_and_says_why(definition: Any, place: str) -> None:
    found = read({"f": definition})

    assert found.flags == ()
    assert [(each.outcome, each.place) for each in found.findings] == [(Outcome.LEFT_OUT, place)]


def test_an_attribute_drawn_by_its_type_is_carried_for_text_alone() -> None:
    found = read({"f": flag({"fractional": [var("company"), ["red"], ["green"]]})}, partial=True)

    evaluation = evaluation_of(found)

    assert evaluation.choose("f", "u", {"company": 5}, None).variant == "blue"
    assert evaluation.choose("f", "u", {"company": "five"}, None).variant != "blue"
