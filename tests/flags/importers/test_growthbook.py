"""GrowthBook's payload, imported, gives every unit what GrowthBook's own Python SDK gives it."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from growthbook import GrowthBook

from flags.importers import growthbook
from flags.importers.model import Import, Options, Outcome
from pointsman.core.model import Json
from tests.flags.importers.trial import Context, evaluation_of, moved

UNITS = 100_000
COUNTRIES = ("DE", "AT", "FR", "", None)


def units(seed: int, count: int) -> Iterator[tuple[str, Context]]:
    """Units with contexts of every shape the conditions below ask for."""
    chance = random.Random(seed)
    for number in range(count):
        unit = chance.choice(
            (f"user-{number}", f"{chance.getrandbits(64):x}", f"ü-{number}-日本", f"😀{number}")
        )
        context: dict[str, object] = {
            "id": unit,
            "company": chance.choice(("", 0, None, f"c{number % 997}", number, 7)),
            "country": chance.choice(COUNTRIES),
            "age": chance.choice((0, 17, 18, 18.0, 65, "18", None, True)),
            "plan": {"name": chance.choice(("pro", "free", "PRO", 5))},
            "tags": chance.choice(([], ["a"], ["a", "b"], ["c", 1, True], "a", None)),
            "mail": chance.choice(("anna@example.org", "bert@EXAMPLE.org", "Kai", "kai", "KAI", "")),
        }
        for name in chance.sample(sorted(context.keys() - {"id"}), chance.randrange(3)):
            del context[name]
        yield unit, context


def payload_of(features: dict[str, Any], groups: dict[str, Any] | None = None) -> Any:
    """A payload as /api/features serves it."""
    return {"status": 200, "features": features, "savedGroups": groups or {}}


def read(payload: Any, *, partial: bool = False) -> Import:
    """The payload, imported."""
    return growthbook.mapped(payload, Options(partial=partial))


def differences(payload: Any, key: str, count: int = UNITS, *, varied: bool = True) -> list[Any]:
    """Units that the import of a feature would move."""
    theirs = GrowthBook(features=payload["features"], savedGroups=payload["savedGroups"])

    def value(_: str, context: Context) -> Json:
        theirs.set_attributes(dict(context))
        found: Json = theirs.eval_feature(key).value
        return found

    return moved(evaluation_of(read(payload)), key, value, units(len(key), count), varied=varied)


def test_an_experiment_moves_none_of_100_000_units() -> None:
    rule = {"variations": ["red", "green", "blue"], "weights": [0.335, 0.3355, 0.3295], "key": "color-test"}
    payload = payload_of({"color": {"defaultValue": "grey", "rules": [{**rule, "coverage": 0.777}]}})

    assert differences(payload, "color") == []


def test_an_experiment_of_the_second_hash_moves_none_of_100_000_units() -> None:
    ranges = [[0.5, 0.8999], [0.0, 0.1], [0.1, 0.4], [0.95, 1]]
    rule = {"variations": [1, 2, 1, 4], "ranges": ranges, "seed": "s", "hashVersion": 2}
    meta = [{"key": "a"}, {"key": "b"}, {"key": "aa"}, {"key": "c", "passthrough": True}]
    follows = {"force": 9, "coverage": 0.5, "hashVersion": 2}
    payload = payload_of({"size": {"defaultValue": 0, "rules": [{**rule, "meta": meta}, follows]}})

    assert differences(payload, "size") == []


def test_namespaces_filters_and_other_hash_attributes_move_none_of_100_000_units() -> None:
    namespaced = {"variations": [1, 2], "namespace": ["checkout", 0.2, 0.45], "coverage": 0.9}
    filters = [{"attribute": "company", "seed": "layer", "ranges": [[0, 0.4], [0.6, 0.7]]}]
    filtered = {"variations": [3, 4], "filters": filters, "hashAttribute": "company", "hashVersion": 2}
    rollout = {"force": 5, "coverage": 0.31, "hashAttribute": "company"}
    ranged = {"force": 6, "range": [0.1, 0.3], "seed": "elsewhere", "hashVersion": 2}
    rules = [namespaced, filtered, rollout, ranged, {"force": 7, "hashVersion": 7, "coverage": 0.5}]
    payload = payload_of({"checkout": {"defaultValue": 0, "rules": rules}})

    assert differences(payload, "checkout") == []


def test_prerequisites_move_none_of_100_000_units() -> None:
    parent = {"defaultValue": "no", "rules": [{"variations": ["yes", "no", "maybe"], "key": "p"}]}
    gate = {"parentConditions": [{"id": "parent", "condition": {"value": {"$ne": "no"}}, "gate": True}]}
    fails = {"parentConditions": [{"id": "parent", "condition": {"value": "maybe"}}], "force": "m"}
    unknown = {"parentConditions": [{"id": "nowhere", "condition": {"value": 1}}], "force": "never"}
    split = {"variations": ["a", "b"], "coverage": 0.5}
    child = {"defaultValue": "d", "rules": [{"force": "g", "coverage": 0.1}, gate, unknown, fails, split]}
    payload = payload_of({"child": child, "parent": parent})

    assert differences(payload, "child") == []


CONDITIONS: tuple[Any, ...] = (
    *({"country": each} for each in ("DE", None, "")),
    *({"age": {operator: 18}} for operator in ("$eq", "$ne", "$lt", "$lte", "$gt", "$gte")),
    *({"country": {operator: "DE"}} for operator in ("$eq", "$ne", "$lt", "$lte", "$gt", "$gte")),
    {"age": True},
    {"age": {"$in": [17, 18, "18"]}},
    {"tags": {"$in": ["b", True]}},
    {"tags": {"$nin": ["b", 1]}},
    {"tags": {"$all": ["a", "b"]}},
    {"tags": {"$elemMatch": {"$eq": "a"}}},
    {"tags": {"$elemMatch": {"$in": ["c", "b"]}}},
    {"plan.name": "pro"},
    {"plan.name": {"$exists": False}},
    {"plan.nothing": {"$exists": True}},
    {"country": {"$ne": None}},
    {"mail": {"$ini": ["KAI", "anna@example.ORG"]}},
    {"mail": {"$nini": ["KAI"]}},
    {"mail": {"$regex": "@example\\.org$"}},
    {"mail": {"$regexi": "^BERT@"}},
    {"mail": {"$notRegex": "a"}},
    *({"age": {"$type": each}} for each in ("string", "number", "boolean", "null")),
    {"$or": [{"country": "DE"}, {"age": {"$gt": 20, "$lt": 70}}]},
    {"$nor": [{"country": "DE"}, {"country": {"$exists": False}}]},
    {"$and": [{"country": {"$in": ["DE", "FR"]}}, {"$not": {"age": 18}}]},
    {"$or": []},
    {"country": {"$not": {"$in": ["DE", "AT"]}}},
    {"country": {"$inGroup": "german"}},
    {"country": {"$notInGroup": "german"}},
    {"country": {"$inGroup": "missing"}},
    {"$savedGroup": {"id": "adults"}},
    {"country": {"$in": []}},
    {"country": {}},
)
GROUPS = {
    "german": ["DE", "AT"],
    "adults": {"type": "condition", "condition": {"age": {"$gte": 18}, "$savedGroup": {"id": "listed"}}},
    "listed": {"type": "list", "attributeKey": "country", "values": ["DE", "FR", ""]},
}


def test_conditions_move_none_of_100_000_units() -> None:
    features = {
        f"c{index}": {"defaultValue": False, "rules": [{"condition": each, "force": True}]}
        for index, each in enumerate(CONDITIONS)
    }
    payload = payload_of(features, GROUPS)
    each = UNITS // len(CONDITIONS) + 1

    assert [found for key in features for found in differences(payload, key, each, varied=False)] == []


def test_all_that_is_exact_is_carried() -> None:
    features = {
        f"c{index}": {"defaultValue": 0, "rules": [{"condition": each, "force": 1}]}
        for index, each in enumerate(CONDITIONS)
    }

    found = read(payload_of(features, GROUPS))

    assert len(found.flags) == len(CONDITIONS)
    assert {each.outcome for each in found.findings} == {Outcome.MAPPED, Outcome.NOTED}


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"condition": {"tags": {"$size": 2}}, "force": 1}, "rules.0.condition.tags.$size"),
        ({"condition": {"v": {"$vgt": "1.2.0"}}, "force": 1}, "rules.0.condition.v.$vgt"),
        ({"condition": {"a": [1]}, "force": 1}, "rules.0.condition.a"),
        ({"condition": {"m": {"$regex": "(?=x)"}}, "force": 1}, "rules.0.condition.m.$regex"),
        ({"contextualBanditRef": "b", "variations": [1, 2]}, "rules.0"),
    ],
)
def test_a_flag_with_what_cannot_be_carried_is_left_out_and_says_why(rule: Any, place: str) -> None:
    payload = payload_of({"f": {"defaultValue": 0, "rules": [rule]}})

    found = read(payload)

    assert found.flags == ()
    (finding,) = found.findings
    assert (finding.outcome, finding.place) == (Outcome.LEFT_OUT, place)


def test_a_partial_import_says_what_changes() -> None:
    rules = [{"condition": {"tags": {"$size": 2}}, "force": 1}, {"force": 2}]
    payload = payload_of({"f": {"defaultValue": 0, "rules": rules}})

    found = read(payload, partial=True)

    assert [len(each.rules) for each in found.flags] == [1]
    assert [each.outcome for each in found.findings] == [Outcome.CHANGED]


def test_arms_of_equal_value_stay_two_variants() -> None:
    payload = payload_of({"aa": {"defaultValue": 1, "rules": [{"variations": [1, 1]}]}})

    (flag,) = read(payload).flags

    assert len(flag.rules[0].weights) == 2
