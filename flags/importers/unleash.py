"""Unleash's client features (``/api/client/features``): strategies become rules, segments stay segments.

A feature without variants is a boolean flag; one with variants has those, and ``disabled`` where the
feature is not enabled. Source: yggdrasil, the engine inside the server SDKs.
"""

import json
from dataclasses import dataclass, replace
from typing import Final

from flags import limits
from flags.importers.building import (
    Entry,
    Notes,
    gate_of,
    key_of,
    kind_of,
    of_weights,
    rule_of,
    whole_split,
)
from flags.importers.model import Import, ImportedFlag, Options, Unmappable, Vendor
from flags.importers.ordering import ordered
from flags.importers.reading import (
    Object,
    child,
    document,
    members,
    objects,
    text,
    texts,
    truth,
    whole,
)
from flags.importers.sorting import Sorted
from flags.importers.terms import Term, every, is_
from flags.importers.unleash_constraints import Constraints, moment_of
from flags.model import RuleDraft, SegmentDraft
from pointsman.core.model import (
    Gate,
    Hashing,
    InSegment,
    Json,
    Operator,
    Scheme,
    Serves,
    Span,
    Window,
)
from pointsman.core.networks import spans_of

UNIT: Final = "userId"
_GRADUAL: Final = {"gradualRolloutUserId": "userId", "gradualRolloutSessionId": "sessionId"}
_OFF: Final = {True: "off", False: "disabled"}


def read(source: str | bytes, options: Options) -> Import:
    """The document's features as flags. Invalid: not such a document."""
    return mapped(document(source), options)


def mapped(found: Object, options: Options) -> Import:
    """The document's features as flags."""
    work = Sorted(Vendor.UNLEASH, options)
    unit = options.unit or UNIT
    segments: dict[int, Term] = {}
    for index, segment in enumerate(objects(found, "segments", "document")):
        name = text(segment, "name", "segment", f"segment-{segment.get('id')}")
        with work.segment(name) as notes:
            constraints = Constraints(work=work, notes=notes, name=name, unit=unit)
            segments[whole(segment, "id", f"segments.{index}")] = _segment(segment, name, constraints)
    features: Object = {
        text(each, "name", f"features.{index}"): each
        for index, each in enumerate(objects(found, "features", "document"))
    }
    known: dict[str, ImportedFlag] = {}
    for name in ordered(features, _needs):
        feature = features[name]
        assert isinstance(feature, dict)  # noqa: S101  (made of objects above)
        with work.flag(name) as notes:
            constraints = Constraints(work=work, notes=notes, name=name, unit=unit)
            flag = _Feature(name, feature, features, known, segments, constraints, notes).read()
            work.add(flag)
            known[name] = flag
    return work.done()


def _segment(segment: Object, name: str, constraints: Constraints) -> Term:
    term = constraints.all_of(segment, "segment")
    if isinstance(term, bool):
        return term
    draft = SegmentDraft(key=key_of(name), name=name, conditions=(term,))
    constraints.work.add_segment(draft)
    return InSegment(draft.key)


@dataclass(slots=True)
class _Feature:
    """One feature on its way to a flag."""

    name: str
    feature: Object
    features: Object
    known: dict[str, ImportedFlag]
    segments: dict[int, Term]
    constraints: Constraints
    notes: Notes

    def read(self) -> ImportedFlag:
        strategies = objects(self.feature, "strategies", "feature")
        own = objects(self.feature, "variants", "feature")
        plain = not own and not any(objects(each, "variants", "strategies") for each in strategies)
        off = _OFF[plain]
        variants: dict[str, Json] = {"on": True, "off": False} if plain else {off: None}
        rules: list[RuleDraft] = []
        for index, strategy in enumerate(strategies):
            place = f"strategies.{index}"
            try:
                entry = self._entry(strategy, place)
                served = objects(strategy, "variants", place)
                group = text(child(strategy, "parameters", place), "groupId", place, self.name)
                seed, chosen = (group, served) if served else (self.name, own)
                rules += self._rules(entry, seed, chosen, variants, place)
            except Unmappable as error:
                self.notes.skip(error, "the strategy is left out")
        if not strategies:
            rules += self._rules(Entry(), self.name, own, variants, "feature")
        requires, stands = self._requires()
        return ImportedFlag(
            source=self.name,
            key=key_of(self.name),
            kind=kind_of(variants.values()),
            variants=variants,
            default=off,
            off=off,
            enabled=truth(self.feature, "enabled", "feature") and stands,
            rules=tuple(rules),
            requires=requires,
            description=text(self.feature, "description", "feature", "")[: limits.DESCRIPTION_CHARACTERS],
        )

    def _entry(self, strategy: Object, place: str) -> Entry:
        terms: list[Term] = []
        for number in members(strategy, "segments", place):
            found = self.segments.get(number) if isinstance(number, int) else None
            if found is None:
                raise Unmappable(f"{place}.segments", "needs a segment that is missing or left out")
            terms.append(found)
        window, rest = self._window(strategy, place)
        terms.append(self.constraints.all_of(rest, place))
        parameters = child(strategy, "parameters", place)
        gates, met = self._strategy(text(strategy, "name", place), parameters, place)
        return Entry(term=every((*terms, met)), gates=gates, window=window)

    def _window(self, strategy: Object, place: str) -> tuple[Window | None, Object]:
        """The window that constraints on the present time make, and the strategy without these."""
        start: int | None = None
        end: int | None = None
        rest: list[Json] = []
        for index, each in enumerate(objects(strategy, "constraints", place)):
            if each.get("contextName") != "currentTime":
                rest.append(each)
                continue
            at = f"{place}.constraints.{index}"
            after = text(each, "operator", at) == "DATE_AFTER"
            if truth(each, "inverted", at) or text(each, "operator", at) not in ("DATE_AFTER", "DATE_BEFORE"):
                raise Unmappable(at, "compares the present time otherwise than before and after")
            second = int(moment_of(each, at).timestamp())
            start = max(second, start or 0) if after else start
            end = end if after else min(second, end or second)
            self.notes.note(at, "the present time is the clock's, whatever the context says")
        window = None if start is None and end is None else Window(start=start, end=end)
        if start is not None and end is not None and start >= end:
            raise Unmappable(place, "holds at no time")
        return window, {**strategy, "constraints": rest}

    def _strategy(self, name: str, parameters: Object, place: str) -> tuple[tuple[Gate, ...], Term]:
        if name == "default":
            return (), True
        if name == "userWithId":
            users = [each.strip() for each in text(parameters, "userIds", place, "").split(",")]
            return (), self.constraints.among(UNIT, [each for each in users if each], place)
        if name == "remoteAddress":
            return (), self._addresses(parameters, place)
        if name == "flexibleRollout":
            stickiness = text(parameters, "stickiness", place, "default")
            return self._rollout(parameters, "rollout", stickiness, place)
        if name in _GRADUAL:
            return self._rollout(parameters, "percentage", _GRADUAL[name], place)
        raise Unmappable(place, f"the strategy {name[:40]!r} has no counterpart")

    def _rollout(
        self, parameters: Object, field: str, stickiness: str, place: str
    ) -> tuple[tuple[Gate, ...], Term]:
        share = text(parameters, field, place)
        if not (share.isascii() and share.isdigit() and int(share) <= 100):
            raise Unmappable(f"{place}.{field}", "is not a whole percentage")
        attribute = self._sticky(stickiness, place)
        if share == "100" and attribute is None:
            return (), True
        group = text(parameters, "groupId", place)
        hashing = Hashing(scheme=Scheme.UNLEASH, seed=group, buckets=100, attribute=attribute)
        spans = [Span(0, int(share))] if int(share) else []
        return (gate_of("rollout", hashing, spans),), True

    def _sticky(self, stickiness: str, place: str) -> str | None:
        """The attribute that is hashed; None: the unit."""
        if stickiness == "random":
            raise Unmappable(place, "draws anew at each question; nothing here does")
        if stickiness in ("default", self.constraints.unit):
            return None
        self.notes.note(place, f"{stickiness!r} must be a whole number or text that is not empty")
        return stickiness

    def _addresses(self, parameters: Object, place: str) -> Term:
        networks = [each.strip() for each in text(parameters, "IPs", place, "").split(",")]
        known = [each for each in networks if each and _is_network(each)]
        return is_("remoteAddress", Operator.IP_IN, *known) if known else False

    def _rules(
        self, entry: Entry, seed: str, chosen: list[Object], variants: dict[str, Json], place: str
    ) -> list[RuleDraft]:
        if not chosen:
            name = "on" if "on" in variants and variants["on"] is True else "enabled"
            variants.setdefault(name, None)
            rules = [rule_of(entry, whole_split(name))]
            return [each for each in rules if each is not None]
        weights, rules = [], []
        for index, each in enumerate(chosen):
            at = f"{place}.variants.{index}"
            name = self._variant(each, variants, at)
            weights.append((name, max(0, whole(each, "weight", at, 0))))
            for override in objects(each, "overrides", at):
                values = texts(override, "values", at)
                term = self.constraints.among(text(override, "contextName", at), values, at)
                rules.append(rule_of(replace(entry, term=every((entry.term, term))), whole_split(name)))
        split = of_weights(weights)
        if not split:
            raise Unmappable(f"{place}.variants", "have no weight")
        stickiness = text(chosen[0], "stickiness", place, "default")
        attribute = self._sticky(stickiness, place)
        if attribute is not None:
            self.notes.note(place, f"without {attribute!r}, nothing here draws a variant by chance")
        buckets = split[-1].end
        hashing = Hashing(scheme=Scheme.UNLEASH_VARIANT, seed=seed, buckets=buckets, attribute=attribute)
        rules.append(rule_of(entry, split, hashing))
        return [each for each in rules if each is not None]

    def _variant(self, variant: Object, variants: dict[str, Json], place: str) -> str:
        spelled = text(variant, "name", place)
        name = key_of(spelled, place)
        if name != spelled:
            self.notes.note(place, f"the variant {spelled[:40]!r} is called {name!r} here")
        payload = child(variant, "payload", place)
        value = _payload(payload, place) if payload else None
        if name == "disabled" or (name in variants and variants[name] != value):
            raise Unmappable(place, f"two variants are called {name!r} here")
        variants[name] = value
        return name

    def _requires(self) -> tuple[tuple[Serves, ...], bool]:
        """What must be served elsewhere, and False where that cannot be."""
        found: list[Serves] = []
        for index, each in enumerate(objects(self.feature, "dependencies", "feature")):
            place = f"dependencies.{index}"
            key = text(each, "feature", place)
            parent = self.features.get(key)
            if not isinstance(parent, dict) or members(parent, "dependencies", place):
                self.notes.note(place, "needs what is never met there: imported switched off")
                return (), False
            known = self.known.get(key)
            if known is None:
                raise Unmappable(place, f"needs the feature {key[:80]!r}, which is left out")
            wanted = [key_of(name, place) for name in texts(each, "variants", place)]
            enabled = truth(each, "enabled", place, default=True)
            names = _wanted(known, wanted, enabled=enabled)
            if not names:
                return (), False
            found.append(Serves(known.key, names))
        return tuple(found), True


def _wanted(parent: ImportedFlag, wanted: list[str], *, enabled: bool) -> tuple[str, ...]:
    """The parent's variants that let a child in."""
    if not enabled:
        return () if wanted else (parent.off,)
    names = tuple(name for name in parent.variants if name != parent.off)
    return tuple(name for name in names if name in wanted) if wanted else names


def _payload(payload: Object, place: str) -> Json:
    value = text(payload, "value", place)
    kind = text(payload, "type", place, "string")
    if kind not in ("json", "number"):
        return value
    try:
        found: Json = json.loads(value)
    except (ValueError, RecursionError):
        raise Unmappable(place, f"has a payload that is no {kind}") from None
    return found


def _is_network(spelled: str) -> bool:
    try:
        spans_of([spelled])
    except ValueError:
        return False
    return True


def _needs(feature: Json) -> list[str]:
    found = feature.get("dependencies") if isinstance(feature, dict) else None
    known = found if isinstance(found, list) else []
    parents = [each.get("feature") for each in known if isinstance(each, dict)]
    return [each for each in parents if isinstance(each, str)]
