"""Flags as GrowthBook's SDK payload, for its unmodified SDKs.

Only draws by GrowthBook's own hashes can be carried; ranges go out as they stand after every re-weight.
"""

from collections.abc import Callable
from typing import Final

from flags.exporters.growthbook_conditions import condition_of
from flags.exporters.growthbook_parents import flags_asked, parent_conditions, split_parents, unmet_rules
from flags.exporters.model import Carried, Export, LeftOut, Object, by_variant, refuse_sticky
from pointsman.core.model import Flag, Gate, Hashing, Json, Rule, Ruleset, Scheme

UNIT: Final = "id"
_VERSIONS: Final = {Scheme.GROWTHBOOK_V1: 1, Scheme.GROWTHBOOK_V2: 2}


def export(ruleset: Ruleset) -> Export:
    """The ruleset's flags as features, each exactly or left out."""
    features = _Features(ruleset)
    lines = [features.line(key) for key in ruleset.flags]
    return Export(
        flags={line.flag: features.made[line.flag] for line in lines if line.carried}, lines=tuple(lines)
    )


class _Features:
    """The features made so far: one that asks for another's value needs that one to be carried too."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self.made: Object = {}
        self._left_out: dict[str, str] = {}

    def line(self, key: str) -> Carried:
        """What becomes of a flag. Flags ask one another in no circle: the ruleset was checked."""
        if key not in self.made and key not in self._left_out:
            try:
                self.made[key] = feature(self._ruleset, self._ruleset.flags[key], self._refuse_missing)
            except LeftOut as error:
                self._left_out[key] = str(error)
        return Carried(flag=key, carried=key in self.made, why=self._left_out.get(key, ""))

    def _refuse_missing(self, parent: str) -> None:
        if not self.line(parent).carried:
            raise LeftOut(f"asks what {parent!r} serves, which is left out itself")


def feature(ruleset: Ruleset, flag: Flag, refuse_missing: Callable[[str], None]) -> Object:
    """One flag. LeftOut: it means what GrowthBook cannot say exactly, or needs a flag that is left out."""
    refuse_sticky(flag)
    if flag.switches:
        raise LeftOut("is switched by the clock")
    if None in flag.variants.values():
        raise LeftOut("has a variant of null, which GrowthBook's rules cannot serve")
    if not flag.enabled:
        return {"defaultValue": flag.variants[flag.off]}
    for parent in sorted(flags_asked(flag)):
        refuse_missing(parent)
    rules: list[Json] = [*unmet_rules(ruleset, flag)]
    for variant, units in by_variant(flag.overrides.items()).items():
        among: Json = {UNIT: {"$in": list(units)}}
        rules.append({"id": f"override-{variant}", "condition": among, "force": flag.variants[variant]})
    rules += [_rule(ruleset, flag, rule) for rule in flag.rules]
    default: Object = {"defaultValue": flag.variants[flag.default]}
    return {**default, "rules": rules} if rules else default


def _rule(ruleset: Ruleset, flag: Flag, rule: Rule) -> Object:
    if rule.window is not None:
        raise LeftOut("has a rule with a beginning or end")
    found: Object = {"id": rule.id}
    parents, conditions = split_parents(rule.conditions)
    if parents:
        found["parentConditions"] = parent_conditions(ruleset, parents)
    if len(conditions) == 1:
        found["condition"] = condition_of(ruleset, conditions[0])
    elif conditions:
        found["condition"] = {"$and": [condition_of(ruleset, each) for each in conditions]}
    if rule.gates:
        found["filters"] = [_filter(gate) for gate in rule.gates]
    if len({part.variant for part in rule.split}) == 1 and rule.hashing is None:
        return {**found, "force": flag.variants[rule.split[0].variant]}
    return {**found, **_experiment(flag, rule)}


def _experiment(flag: Flag, rule: Rule) -> Object:
    version, hashing = _drawn(rule.hashing or Hashing(seed=flag.salt))
    names = [part.variant for part in rule.split]
    if len(set(names)) == 1:
        if hashing.attribute is not None:
            raise LeftOut(f"draws {hashing.attribute!r} for a single variant")
        return {"force": flag.variants[names[0]]}
    return {
        "key": f"{flag.key}:{rule.id}",
        "hashAttribute": hashing.attribute or UNIT,
        "hashVersion": version,
        "seed": hashing.seed,
        "variations": [flag.variants[name] for name in names],
        "meta": [{"key": name} for name in names],
        "ranges": [[part.start / hashing.buckets, part.end / hashing.buckets] for part in rule.split],
        "disableStickyBucketing": True,
    }


def _filter(gate: Gate) -> Object:
    version, hashing = _drawn(gate.hashing)
    ranges: list[Json] = [[start / hashing.buckets, end / hashing.buckets] for start, end in gate.spans]
    return {
        "attribute": hashing.attribute or UNIT,
        "seed": hashing.seed,
        "hashVersion": version,
        "ranges": ranges,
    }


def _drawn(hashing: Hashing) -> tuple[int, Hashing]:
    version = _VERSIONS.get(hashing.scheme)
    if version is None:
        raise LeftOut(f"is drawn by the scheme {hashing.scheme}; GrowthBook draws only growthbook-v1 and -v2")
    if not hashing.seed:
        raise LeftOut("is drawn without a seed")
    return version, hashing
