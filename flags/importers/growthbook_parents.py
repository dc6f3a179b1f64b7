"""Prerequisites of GrowthBook's features: which values of the parent let a child in, worked out before."""

from dataclasses import dataclass, field

from flags.importers.growthbook_conditions import Conditions
from flags.importers.model import ImportedFlag, Unmappable
from flags.importers.ordering import ordered
from flags.importers.reading import Object, child, text
from flags.importers.terms import Term, conditions_of
from pointsman.core.evaluation import Evaluation
from pointsman.core.model import Flag, Json, Kind, Range, Rule, Ruleset, Serves


@dataclass(slots=True)
class Parents:
    """The features of one payload, and those that have become flags so far."""

    features: Object
    known: dict[str, ImportedFlag] = field(default_factory=dict)

    def in_order(self) -> list[str]:
        """Every feature, parents before children where they go in no circle."""
        return ordered(self.features, _parents_of)

    def holds(self, parent: Object, place: str, conditions: Conditions) -> Term:
        """Whether the parent's value lets a unit in. Unmappable: the parent was left out, or a circle."""
        name = text(parent, "id", place)
        condition = child(parent, "condition", place)
        if name not in self.features:
            return meets(conditions.term(condition, place), None)
        if name not in self.known:
            raise Unmappable(place, f"needs the feature {name[:80]!r}, which is left out or needs this one")
        flag = self.known[name]
        term = conditions.term(condition, place)
        passing = tuple(key for key, value in flag.variants.items() if meets(term, value))
        if len(passing) in (0, len(flag.variants)):
            return bool(passing)
        return Serves(flag.key, passing)


def meets(term: Term, value: Json) -> bool:
    """Whether the condition holds for ``{"value": value}``, as our own evaluator sees it."""
    conditions = conditions_of(term)
    if not conditions:
        return conditions is not None
    rule = Rule(id="r", conditions=conditions, split=(Range(0, 100_000, "yes"),))
    flag = Flag(
        key="f",
        kind=Kind.BOOLEAN,
        salt="f",
        enabled=True,
        version=1,
        variants={"yes": True, "no": False},
        off="no",
        default="no",
        rules=(rule,),
    )
    ruleset = Ruleset(project="p", environment="e", revision=1, flags={"f": flag})
    return Evaluation(ruleset).choose("f", "u", {"value": value}, None).variant == "yes"


def _parents_of(feature: Json) -> list[str]:
    """Names of parents, of whatever shape the feature is."""
    rules = feature.get("rules") if isinstance(feature, dict) else None
    found: list[str] = []
    for rule in rules if isinstance(rules, list) else []:
        parents = rule.get("parentConditions") if isinstance(rule, dict) else None
        for parent in parents if isinstance(parents, list) else []:
            name = parent.get("id") if isinstance(parent, dict) else None
            if isinstance(name, str):
                found.append(name)
    return found
