"""GrowthBook's public cases, by way of our importer and evaluator: which are carried."""

import json
from collections import Counter
from typing import Any, Final

import pytest

from flags.importers import growthbook
from flags.importers.model import Options
from tests.conformance import conformance
from tests.flags.importers.trial import evaluation_of

# What the application does with the SDK on the way, which no payload says.
_OF_THE_CALLER: Final = {
    *("forcedVariations", "forcedFeatureValues", "url"),
    *("enabled", "qaMode", "overrides", "groups"),
}
_OF_THE_CODE: Final = {"active", "status", "force", "include", "groups", "url", "override", "urlPatterns"}
# Lists compared without regard to case; and what JavaScript alone turns into numbers.
_NOTED: Final = {
    *("$ini - array pass 1", "$ini - array pass 2", "$nini - array fail 1", "$nini - array fail 2"),
    "missing attribute with comparison operators",
    *("comparing numbers and strings", "comparing numbers and strings - v2"),
}


def asked(features: Any, key: str, attributes: Any, groups: Any = None) -> Any:
    """The imported feature's value; None and "left out": it was not carried."""
    found = growthbook.mapped({"features": features, "savedGroups": groups or {}}, Options())
    if key not in {each.source for each in found.flags}:
        return "left out", None
    (flag,) = (each for each in found.flags if each.source == key)
    unit = attributes.get("id")
    choice = evaluation_of(found).choose(flag.key, str(unit or "-"), attributes, "failed")
    return "carried", choice.value


def eval_condition(case: Any) -> tuple[str, Any, Any]:
    """A condition as the only rule of a feature."""
    _, condition, attributes, expected, *groups = case
    feature = {"defaultValue": False, "rules": [{"condition": condition, "force": True}]}
    outcome, value = asked({"f": feature}, "f", attributes, groups[0] if groups else None)
    return outcome, value, expected


def feature(case: Any) -> tuple[str, Any, Any]:
    """A feature's value."""
    _, context, key, expected = case
    features = context.get("features", {})
    if key not in features or _OF_THE_CALLER & context.keys():
        return "not in a payload", None, None
    attributes = context.get("attributes", {})
    if not attributes.get("id") and "rules" in json.dumps(features[key]) and _draws(features):
        return "no unit", None, None
    outcome, value = asked(features, key, attributes, context.get("savedGroups"))
    return outcome, value, expected["value"]


def run(case: Any) -> tuple[str, Any, Any]:
    """An experiment as the only rule of a feature."""
    _, context, experiment, expected, in_experiment, _ = case
    if (_OF_THE_CALLER & context.keys()) or (_OF_THE_CODE & experiment.keys()):
        return "not in a payload", None, None
    attributes = context.get("attributes", {})
    if not attributes.get("id"):
        return "no unit", None, None
    features = {**context.get("features", {}), "f": {"defaultValue": "not in it", "rules": [experiment]}}
    outcome, value = asked(features, "f", attributes, context.get("savedGroups"))
    return outcome, value, expected if in_experiment else "not in it"


def _draws(features: Any) -> bool:
    text = json.dumps(features)
    return any(each in text for each in ("variations", "coverage", "range", "filters"))


@pytest.mark.parametrize(
    ("group", "check", "counts"),
    [
        ("evalCondition", eval_condition, {"carried": 123, "left out": 125}),
        ("feature", feature, {"carried": 46, "left out": 4, "no unit": 2, "not in a payload": 3}),
        ("run", run, {"carried": 57, "no unit": 4, "not in a payload": 12}),
    ],
)
def test_every_case_that_is_carried_agrees(group: str, check: Any, counts: dict[str, int]) -> None:
    cases = json.loads(conformance("growthbook/cases.json").read_text())[group]
    outcomes = [(case[0], *check(case)) for case in cases]

    differing = [each for each in outcomes if each[1] == "carried" and each[2] != each[3]]

    assert {each[0] for each in differing} == (_NOTED if group == "evalCondition" else set())
    assert Counter(each[1] for each in outcomes) == counts
