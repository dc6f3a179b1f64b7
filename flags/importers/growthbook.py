"""GrowthBook's SDK payload (``/api/features``), rule by rule.

A rule of GrowthBook that does not take a unit lets it go on to the next: coverage, namespaces, filters and
gaps between ranges are gates here. Source: the Python and JavaScript SDKs, and their public cases.
"""

from dataclasses import dataclass, replace
from typing import Final

from flags.importers.building import (
    Entry,
    Notes,
    Variants,
    drawn,
    gate_of,
    key_of,
    kind_of,
    rule_of,
    whole_split,
)
from flags.importers.growthbook_conditions import Conditions
from flags.importers.growthbook_parents import Parents
from flags.importers.model import Import, ImportedFlag, Options, Unmappable, Vendor
from flags.importers.reading import (
    Object,
    as_list,
    as_number,
    as_object,
    child,
    document,
    members,
    number,
    objects,
    text,
    truth,
)
from flags.importers.sorting import Sorted
from flags.importers.terms import Term, every, is_, negated
from flags.model import RuleDraft
from pointsman.core.growthbook_ranges import bucket_ranges, span_of
from pointsman.core.model import Gate, Hashing, Json, Operator, Range, Scheme, Span

UNIT: Final = "id"
_SCHEMES: Final = {1: (Scheme.GROWTHBOOK_V1, 1_000), 2: (Scheme.GROWTHBOOK_V2, 10_000)}


def read(source: str | bytes, options: Options) -> Import:
    """The payload's features as flags. Invalid: not a payload."""
    payload = document(source)
    return mapped(payload, options)


def mapped(payload: Object, options: Options) -> Import:
    """The payload's features as flags."""
    features = child(payload, "features", "payload") if "features" in payload else payload
    groups = child(payload, "savedGroups", "payload")
    parents = Parents(features)
    work = Sorted(Vendor.GROWTHBOOK, options)
    for name in parents.in_order():
        with work.flag(name) as notes:
            feature = as_object(features[name], "feature")
            conditions = Conditions(groups, notes)
            reader = _Feature(name, feature, conditions, parents, notes, options.unit or UNIT)
            flag = reader.read()
            parents.known[name] = flag
            work.add(flag)
    return work.done()


@dataclass(slots=True)
class _Feature:
    """One feature on its way to a flag."""

    name: str
    feature: Object
    conditions: Conditions
    parents: Parents
    notes: Notes
    unit: str

    def read(self) -> ImportedFlag:
        variants = Variants()
        default = variants.name_of(self.feature.get("defaultValue"))
        rules: list[RuleDraft] = []
        for index, rule in enumerate(objects(self.feature, "rules", "feature")):
            place = f"rules.{index}"
            try:
                rules += self._rule(rule, place, variants)
            except Unmappable as error:
                self.notes.skip(error, "the rule is left out, and its units go on to the next one")
        return ImportedFlag(
            source=self.name,
            key=key_of(self.name),
            kind=kind_of(variants.named.values()),
            variants=variants.named,
            default=default,
            off=default,
            enabled=True,
            rules=tuple(rules),
        )

    def _rule(self, rule: Object, place: str, variants: Variants) -> list[RuleDraft]:
        rules: list[RuleDraft | None] = []
        entry: Term = True
        for index, parent in enumerate(objects(rule, "parentConditions", place)):
            holds = self.parents.holds(parent, f"{place}.parentConditions.{index}", self.conditions)
            if truth(parent, "gate", place) and holds is not True:
                # A gate that fails ends the feature with null, whatever the later rules say.
                closed = Entry(term=every((entry, negated(holds))))
                rules.append(rule_of(closed, whole_split(variants.name_of(None))))
            entry = every((entry, holds))
        condition = child(rule, "condition", place)
        entry = every((entry, self.conditions.term(condition, f"{place}.condition")))
        gates, meets = self._filters(rule, place)
        base = Entry(term=every((entry, *meets)), gates=gates)
        if rule.get("force") is not None:
            rules.append(self._forced(rule, place, base, variants))
        else:
            rules.append(self._experiment(rule, place, base, variants))
        return [each for each in rules if each is not None]

    def _forced(self, rule: Object, place: str, entry: Entry, variants: Variants) -> RuleDraft | None:
        split = whole_split(variants.name_of(rule["force"]))
        limits = rule.get("range") if rule.get("range") is not None else None
        if limits is None and rule.get("coverage") is None:
            return rule_of(entry, split)
        hashing = self._hashing(rule, place)
        if hashing is None:
            return None
        if hashing.attribute is not None and rule.get("fallbackAttribute"):
            raise Unmappable(f"{place}.fallbackAttribute", "falls back to another attribute")
        share = (0.0, number(rule, "coverage", place, 1.0)) if limits is None else _share(limits, place)
        span = span_of(share, hashing.buckets)
        gate = gate_of("coverage", hashing, [span] if span else [])
        return rule_of(self._met(replace(entry, gates=(*entry.gates, gate)), hashing), split)

    def _experiment(self, rule: Object, place: str, entry: Entry, variants: Variants) -> RuleDraft | None:
        if rule.get("contextualBanditRef") or rule.get("contextualVariations") is not None:
            raise Unmappable(place, "is a contextual bandit")
        values = members(rule, "variations", place)
        hashing = self._hashing(rule, place)
        if len(values) < 2 or hashing is None:
            return None
        if any(rule.get(name) is not None for name in ("bucketVersion", "minBucketVersion")):
            self.notes.note(place, "what sticky bucketing has stored at the vendor is not known here")
        ranges = self._ranges(rule, place, values, variants, hashing.buckets)
        split, spans = drawn(ranges, hashing.buckets)
        if not split:
            return None
        gates = [*entry.gates, *self._namespace(rule, place, hashing)]
        if spans != (Span(0, hashing.buckets),):
            gates.append(gate_of("coverage", hashing, spans))
        met = self._met(replace(entry, gates=tuple(gates)), hashing)
        return rule_of(met, split, hashing)

    def _ranges(
        self, rule: Object, place: str, values: list[Json], variants: Variants, buckets: int
    ) -> list[Range]:
        metas = objects(rule, "meta", place)
        shares = [_share(each, place) for each in members(rule, "ranges", place)]
        if not shares:
            weights = [as_number(each, place) for each in members(rule, "weights", place)]
            shares = [*bucket_ranges(len(values), number(rule, "coverage", place, 1.0), weights or None)]
        found: list[Range] = []
        for index, share in enumerate(shares[: len(values)]):
            meta = metas[index] if index < len(metas) else {}
            span = span_of(share, buckets)
            if span is None:
                continue
            hint = text(meta, "name", place, "") or text(meta, "key", place, "")
            passes = truth(meta, "passthrough", place)
            name = "" if passes else variants.name_of(values[index], hint, {part.variant for part in found})
            found.append(Range(span.start, span.end, name))
        if len(shares) > len(values):
            raise Unmappable(f"{place}.ranges", "has more ranges than variations")
        return _without_passing(found)

    def _namespace(self, rule: Object, place: str, hashing: Hashing) -> list[Gate]:
        if members(rule, "filters", place) or not rule.get("namespace"):
            return []
        name, start, end = _three(rule["namespace"], f"{place}.namespace")
        drawn_by = Hashing(
            scheme=Scheme.GROWTHBOOK_V1, seed=f"__{name}", buckets=1_000, attribute=hashing.attribute
        )
        span = span_of((start, end), 1_000)
        return [gate_of(f"namespace {name}", drawn_by, [span] if span else [])]

    def _filters(self, rule: Object, place: str) -> tuple[tuple[Gate, ...], list[Term]]:
        gates: list[Gate] = []
        meets: list[Term] = []
        for index, each in enumerate(objects(rule, "filters", place)):
            at = f"{place}.filters.{index}"
            drawn_by = {"hashAttribute": each.get("attribute"), "seed": each.get("seed") or ""}
            hashing = self._hashing({**drawn_by, "hashVersion": each.get("hashVersion", 2)}, at, seed="")
            if hashing is None:
                return (gate_of("filter", Hashing(seed=""), []),), []
            spans = [span_of(_share(part, at), hashing.buckets) for part in members(each, "ranges", at)]
            gates.append(gate_of(f"filter {hashing.seed}".strip(), hashing, [span for span in spans if span]))
            meets.append(self._met(Entry(), hashing).term)
        return tuple(gates), meets

    def _hashing(self, rule: Object, place: str, seed: str | None = None) -> Hashing | None:
        """None: a hash version nobody knows, whose rules take nobody."""
        version = rule.get("hashVersion") or 1
        known = _SCHEMES.get(int(version)) if version in (1, 2) and isinstance(version, int | float) else None
        if known is None:
            return None
        attribute = text(rule, "hashAttribute", place, UNIT) or UNIT
        spelled = text(rule, "key", place, "") or self.name
        return Hashing(
            scheme=known[0],
            seed=text(rule, "seed", place, "") or (spelled if seed is None else seed),
            buckets=known[1],
            attribute=None if attribute == self.unit else attribute,
        )

    def _met(self, entry: Entry, hashing: Hashing) -> Entry:
        """The entry, closed for attributes that identify nobody at the vendor's."""
        if hashing.attribute is None:
            return entry
        self.notes.note("hashAttribute", f"{hashing.attribute!r} must be text or a whole number")
        named = negated(is_(hashing.attribute, Operator.IN, "", 0))
        return replace(entry, term=every((entry.term, named)))


def _without_passing(ranges: list[Range]) -> list[Range]:
    """The ranges without those that pass through, which still go first where ranges overlap."""
    if all(part.variant for part in ranges):
        return ranges
    kept: list[Range] = []
    passing: list[Range] = []
    for part in ranges:
        if not part.variant:
            passing.append(part)
            continue
        pieces = [(part.start, part.end)]
        for hole in passing:
            pieces = [
                piece
                for start, end in pieces
                for piece in ((start, min(end, hole.start)), (max(start, hole.end), end))
                if piece[0] < piece[1]
            ]
        kept += [Range(start, end, part.variant) for start, end in pieces]
    return kept


def _share(value: Json, place: str) -> tuple[float, float]:
    ends = [as_number(each, place) for each in as_list(value, place)]
    if len(ends) != 2:
        raise Unmappable(place, "is not a range of two numbers")
    return ends[0], ends[1]


def _three(value: Json, place: str) -> tuple[str, float, float]:
    parts = as_list(value, place)
    if len(parts) != 3 or not isinstance(parts[0], str):
        raise Unmappable(place, "is not a name and two numbers")
    return parts[0], as_number(parts[1], place), as_number(parts[2], place)
