"""LaunchDarkly's flags and segments, as its server SDKs receive them (``{"flags": …, "segments": …}``).

Contexts are of the kind ``user``, whose key is the unit. Source: the Python server SDK's evaluator.
"""

from dataclasses import dataclass, field
from typing import Final

from flags.importers.building import Entry, Notes, key_of, kind_of, of_weights, rule_of, whole_split
from flags.importers.launchdarkly_clauses import USER, Clauses, attribute_of, segment_of
from flags.importers.model import Import, ImportedFlag, Options, Unmappable, Vendor
from flags.importers.ordering import ordered
from flags.importers.reading import (
    Object,
    as_object,
    as_text,
    child,
    document,
    members,
    objects,
    text,
    truth,
    whole,
)
from flags.importers.sorting import Sorted
from flags.importers.terms import Term
from flags.model import RuleDraft
from pointsman.core.model import Hashing, Json, Range, Scheme, Serves, Split

UNIT: Final = "key"
_BUCKETS: Final = 100_000


def read(source: str | bytes, options: Options) -> Import:
    """The document's flags and segments. Invalid: not such a document."""
    return mapped(document(source), options)


def mapped(found: Object, options: Options) -> Import:
    """The document's flags and segments."""
    work = Sorted(Vendor.LAUNCHDARKLY, options)
    unit = options.unit or UNIT
    segments = child(found, "segments", "document")
    for name in _nested_last(segments):
        with work.segment(name) as notes:
            clauses = Clauses(work=work, notes=notes, name=name, unit=unit)
            work.add_segment(segment_of(as_object(segments[name], "segment"), clauses, name))
    flags = child(found, "flags", "document")
    known: dict[str, ImportedFlag] = {}
    for name in _needing_last(flags):
        with work.flag(name) as notes:
            clauses = Clauses(work=work, notes=notes, name=name, unit=unit)
            flag = _Flag(name, as_object(flags[name], "flag"), flags, known, clauses, notes).read()
            work.add(flag)
            known[name] = flag
    return work.done()


@dataclass(slots=True)
class _Flag:
    """One flag on its way."""

    key: str
    flag: Object
    flags: Object
    known: dict[str, ImportedFlag]
    clauses: Clauses
    notes: Notes
    names: list[str] = field(default_factory=list)

    def read(self) -> ImportedFlag:
        variants = self._variants()
        rules: list[RuleDraft | None] = []
        for index, rule in enumerate(objects(self.flag, "rules", "flag")):
            place = f"rules.{index}"
            try:
                term = self.clauses.all_of(rule, place)
                rules.append(self._served(rule, place, term))
            except Unmappable as error:
                self.notes.skip(error, "the rule is left out, and its units go on to the next one")
        rules.append(self._served(child(self.flag, "fallthrough", "flag"), "fallthrough", True))
        off = self._variant(whole(self.flag, "offVariation", "flag"), "offVariation")
        requires, stands = self._requires()
        if not stands:
            self.notes.note("prerequisites", "needs a flag that is off: imported switched off")
        return ImportedFlag(
            source=self.key,
            key=key_of(self.key),
            kind=kind_of(variants.values()),
            variants=variants,
            default=off,
            off=off,
            enabled=truth(self.flag, "on", "flag") and stands,
            rules=tuple(rule for rule in rules if rule is not None),
            requires=requires,
            overrides=self._targets(),
        )

    def _variants(self) -> dict[str, Json]:
        variants: dict[str, Json] = {}
        values = members(self.flag, "variations", "flag")
        for index, value in enumerate(values):
            name = ("on" if value else "off") if isinstance(value, bool) else f"v{index}"
            name = name if name not in variants else f"{name}-{index}"
            variants[name] = value
        self.names = list(variants)
        return variants

    def _variant(self, index: int, place: str) -> str:
        if not 0 <= index < len(self.names):
            raise Unmappable(place, f"names the variation {index}, which there is not")
        return self.names[index]

    def _served(self, of: Object, place: str, term: Term) -> RuleDraft | None:
        if of.get("variation") is not None:
            name = self._variant(whole(of, "variation", place), f"{place}.variation")
            return rule_of(Entry(term=term), whole_split(name))
        rollout = child(of, "rollout", place)
        at = f"{place}.rollout"
        if not rollout:
            raise Unmappable(place, "serves neither a variation nor a rollout")
        if (text(rollout, "contextKind", at, USER) or USER) != USER:
            raise Unmappable(f"{at}.contextKind", "draws contexts of another kind than users")
        return rule_of(Entry(term=term), self._split(rollout, at), self._hashing(rollout, at))

    def _split(self, rollout: Object, place: str) -> Split:
        weights = []
        for index, each in enumerate(objects(rollout, "variations", place)):
            at = f"{place}.variations.{index}"
            weights.append((self._variant(whole(each, "variation", at), at), whole(each, "weight", at)))
        if not weights or any(weight < 0 for _, weight in weights):
            raise Unmappable(place, "has no weights, or negative ones")
        split = [part for part in of_weights(weights) if part.start < _BUCKETS]
        # Who lies behind the last weight gets its variation all the same.
        last = weights[-1][0]
        if not split or split[-1].end < _BUCKETS:
            split.append(Range(split[-1].end if split else 0, _BUCKETS, last))
        split[-1] = Range(split[-1].start, _BUCKETS, split[-1].variant)
        return tuple(split)

    def _hashing(self, rollout: Object, place: str) -> Hashing:
        experiment = text(rollout, "kind", place, "rollout") == "experiment"
        seed = rollout.get("seed")
        prefix = f"{self.key}.{text(self.flag, 'salt', 'flag', '')}"
        attribute = text(rollout, "bucketBy", place, "")
        if experiment or not attribute or attribute == self.clauses.unit:
            found = None
        else:
            found = attribute_of(attribute, place) if rollout.get("contextKind") else attribute
        return Hashing(
            scheme=Scheme.LAUNCHDARKLY,
            seed=prefix if seed is None else str(whole(rollout, "seed", place)),
            buckets=_BUCKETS,
            attribute=found,
        )

    def _targets(self) -> dict[str, str]:
        targets = objects(self.flag, "targets", "flag")
        ordered = targets
        if contexts := objects(self.flag, "contextTargets", "flag"):
            if any((text(each, "contextKind", "contextTargets", USER) or USER) != USER for each in contexts):
                raise Unmappable("contextTargets", "targets contexts of another kind than users")
            first: dict[int, Object] = {}
            for each in targets:
                first.setdefault(whole(each, "variation", "targets"), each)
            ordered = [first[n] for each in contexts if (n := whole(each, "variation", "targets")) in first]
        overrides: dict[str, str] = {}
        for each in ordered:
            name = self._variant(whole(each, "variation", "targets"), "targets")
            for unit in members(each, "values", "targets"):
                overrides.setdefault(as_text(unit, "targets"), name)
        return overrides

    def _requires(self) -> tuple[tuple[Serves, ...], bool]:
        """What must be served elsewhere, and False where that cannot be: the parent is off, or missing."""
        found: list[Serves] = []
        for index, each in enumerate(objects(self.flag, "prerequisites", "flag")):
            place = f"prerequisites.{index}"
            key = text(each, "key", place)
            if key not in self.flags:
                return (), False
            parent = self.known.get(key)
            if parent is None:
                raise Unmappable(place, f"needs the flag {key[:80]!r}, which is left out or needs this one")
            wanted = whole(each, "variation", place)
            if not truth(as_object(self.flags[key], place), "on", place):
                return (), False
            names = list(parent.variants)
            if not 0 <= wanted < len(names):
                return (), False
            if names[wanted] == parent.off:
                self.notes.note(place, f"if {parent.key!r} is switched off, it serves what is needed here")
            found.append(Serves(parent.key, (names[wanted],)))
        return tuple(found), True


def _needing_last(flags: Object) -> list[str]:
    return ordered(flags, lambda flag: _keys(flag, "prerequisites", "key"))


def _nested_last(segments: Object) -> list[str]:
    return ordered(segments, _segments_in)


def _segments_in(segment: Json) -> list[str]:
    found: list[str] = []
    rules = segment.get("rules") if isinstance(segment, dict) else None
    for rule in rules if isinstance(rules, list) else []:
        clauses = rule.get("clauses") if isinstance(rule, dict) else None
        for clause in clauses if isinstance(clauses, list) else []:
            if isinstance(clause, dict) and clause.get("op") == "segmentMatch":
                values = clause.get("values")
                found += (
                    [each for each in values if isinstance(each, str)] if isinstance(values, list) else []
                )
    return found


def _keys(of: Json, name: str, key: str) -> list[str]:
    parts = of.get(name) if isinstance(of, dict) else None
    found = [each.get(key) for each in parts if isinstance(each, dict)] if isinstance(parts, list) else []
    return [each for each in found if isinstance(each, str)]
