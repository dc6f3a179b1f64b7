"""flagd's flag definitions: the tree of ``if`` and ``fractional`` becomes rules in order.

Source: openfeature-flagd-core 2, which hashes CBOR; ``text_hashing`` is for providers before it.
"""

from dataclasses import dataclass, replace
from typing import Final

from flags.importers.building import (
    Entry,
    Notes,
    key_of,
    kind_of,
    of_weights,
    rule_of,
    whole_split,
)
from flags.importers.flagd_logic import Logic, call_of, variable_of
from flags.importers.model import Import, ImportedFlag, Options, Unmappable, Vendor
from flags.importers.reading import Object, as_number, as_object, as_text, child, document, text
from flags.importers.sorting import Sorted
from flags.importers.terms import Term, every, is_, is_text, missing
from flags.limits import BUCKETS_PER_RULE
from flags.model import RuleDraft
from pointsman.core.hashing import bucket_of
from pointsman.core.model import Hashing, Json, Operator, Scheme
from pointsman.core.splits import owner

UNIT: Final = "targetingKey"
_DEEPEST: Final = 30


def read(source: str | bytes, options: Options) -> Import:
    """The document's flags. Invalid: not such a document."""
    return mapped(document(source), options)


def mapped(found: Object, options: Options) -> Import:
    """The document's flags."""
    work = Sorted(Vendor.FLAGD, options)
    shared = child(found, "$evaluators", "document")
    flags = child(found, "flags", "document")
    for name, definition in flags.items():
        with work.flag(name) as notes:
            logic = Logic(work=work, notes=notes, name=name, unit=options.unit or UNIT)
            flag = _with_shared(as_object(definition, "flag"), shared, 0)
            work.add(
                _Flag(name, as_object(flag, "flag"), logic, notes, text_hashing=options.text_hashing).read()
            )
    return work.done()


@dataclass(slots=True)
class _Flag:
    """One flag on its way."""

    name: str
    flag: Object
    logic: Logic
    notes: Notes
    text_hashing: bool

    def read(self) -> ImportedFlag:
        variants = child(self.flag, "variants", "flag")
        self._check_names(variants)
        default = self._outcome(self.flag.get("defaultVariant"), variants, "defaultVariant", "")
        enabled = text(self.flag, "state", "flag") == "ENABLED"
        if not enabled:
            self.notes.change("state", "is disabled: programs get their own default there, the flag's here")
        targeting = self.flag.get("targeting")
        rules = self._rules(targeting, Entry(), default, variants, "targeting", 0) if targeting else []
        return ImportedFlag(
            source=self.name,
            key=key_of(self.name),
            kind=kind_of(variants.values()),
            variants=variants,
            default=default,
            off=default,
            enabled=enabled,
            rules=tuple(rules),
        )

    def _check_names(self, variants: Object) -> None:
        for name in variants:
            if key_of(name, "variants") != name:
                raise Unmappable("variants", f"{name[:40]!r} is no name of a variant here; rename it")

    def _outcome(self, value: Json, variants: Object, place: str, default: str) -> str:
        """The variant a value names."""
        if value is None and default:
            return default
        name = ("true" if value else "false") if isinstance(value, bool) else value
        if not isinstance(name, str) or name not in variants:
            raise Unmappable(place, "names no variant: programs get their own default there")
        return name

    def _rules(
        self, logic: Json, entry: Entry, default: str, variants: Object, place: str, depth: int
    ) -> list[RuleDraft]:
        """What serves units that meet the entry; the last rule takes all of these."""
        if depth > _DEEPEST:
            raise Unmappable(place, f"is nested deeper than {_DEEPEST} levels")
        if entry.term is False:
            return []
        call = call_of(logic)
        if call is None:
            name = self._outcome(logic, variants, place, default)
            return _some(rule_of(entry, whole_split(name)))
        at = f"{place}.{call.name}"
        if call.name in ("if", "?:"):
            return self._branches(call.args, entry, default, variants, at, depth)
        if call.name == "fractional":
            return self._fractional(call.args, entry, default, variants, at)
        raise Unmappable(at, "decides by something else than if and fractional")

    def _branches(
        self, args: list[Json], entry: Entry, default: str, variants: Object, place: str, depth: int
    ) -> list[RuleDraft]:
        rules: list[RuleDraft] = []
        last: Json = args[-1] if len(args) % 2 else None
        for index in range(0, len(args) - 1, 2):
            at = f"{place}.{index}"
            inner = replace(entry, term=every((entry.term, self.logic.term(args[index], at))))
            rules += self._rules(args[index + 1], inner, default, variants, at, depth + 1)
            if inner.term is True:
                return rules
        return rules + self._rules(last, entry, default, variants, place, depth + 1)

    def _fractional(
        self, args: list[Json], entry: Entry, default: str, variants: Object, place: str
    ) -> list[RuleDraft]:
        if not args:
            raise Unmappable(place, "has no parts")
        shorthand = isinstance(args[0], list)
        weights = self._weights(args if shorthand else args[1:], default, variants, place)
        split = of_weights(weights)
        total = sum(weight for _, weight in weights)
        if not 1 <= total <= BUCKETS_PER_RULE:
            raise Unmappable(place, f"has weights that sum to less than 1 or more than {BUCKETS_PER_RULE}")
        hashing, terms = self._hashing(None if shorthand else args[0], total, place)
        if hashing.attribute is None:
            return _some(rule_of(entry, split, hashing))
        self.notes.note(place, f"{hashing.attribute!r} must be text or a whole number")
        absent = default if terms else owner(split, bucket_of(hashing, "null"))
        without = replace(entry, term=every((entry.term, missing(hashing.attribute))))
        # Nor does ours draw empty text.
        empty = replace(entry, term=every((entry.term, is_(hashing.attribute, Operator.EQUALS, ""))))
        blank = owner(split, bucket_of(hashing, ""))
        drawn = replace(entry, term=every((entry.term, *terms)))
        return _some(
            rule_of(without, whole_split(absent)),
            rule_of(empty, whole_split(blank)),
            rule_of(drawn, split, hashing),
        )

    def _weights(
        self, parts: list[Json], default: str, variants: Object, place: str
    ) -> list[tuple[str, int]]:
        weights = []
        for index, part in enumerate(parts):
            at = f"{place}.{index}"
            if not isinstance(part, list) or not 1 <= len(part) <= 2:
                raise Unmappable(at, "is not a variant and its weight")
            if isinstance(part[0], dict):
                raise Unmappable(at, "works its variant out")
            weight = as_number(part[1], at) if len(part) == 2 else 1
            if weight != int(weight):
                raise Unmappable(at, "has a weight that is no whole number")
            weights.append((self._outcome(part[0], variants, at, default), max(0, int(weight))))
        return weights

    def _hashing(self, by: Json, total: int, place: str) -> tuple[Hashing, list[Term]]:
        """How units are drawn, and what must hold of a hashed attribute."""
        if by is None:
            scheme = Scheme.FLAGD if self.text_hashing else Scheme.FLAGD_CBOR_PAIR
            return Hashing(scheme=scheme, seed=self.name, buckets=total), []
        scheme = Scheme.FLAGD if self.text_hashing else Scheme.FLAGD_CBOR
        call = call_of(by)
        parts = call.args if call is not None and call.name == "cat" else [by]
        constants = [self._constant(each, place) for each in parts[:-1]]
        attribute = self.logic.variable(parts[-1] if parts else None, place)
        seed = "".join(constants)
        if attribute == self.logic.unit:
            return Hashing(scheme=scheme, seed=seed, buckets=total), []
        self.logic.asks(attribute, place)
        hashing = Hashing(scheme=scheme, seed=seed, buckets=total, attribute=attribute)
        if call is not None and call.name == "cat":
            return hashing, []
        self.notes.change(place, f"draws {attribute!r} by type: numbers are not carried, only text")
        return hashing, [is_text(attribute)]

    def _constant(self, part: Json, place: str) -> str:
        if variable_of(part) == "$flagd.flagKey":
            return self.name
        return as_text(part, place)


def _some(*rules: RuleDraft | None) -> list[RuleDraft]:
    return [rule for rule in rules if rule is not None]


def _with_shared(value: Json, shared: Object, depth: int) -> Json:
    """The value with every ``{"$ref": name}`` replaced by the evaluator of that name."""
    if depth > 2 * _DEEPEST:
        raise Unmappable("targeting", "is nested too deep, or refers to itself")
    if isinstance(value, list):
        return [_with_shared(each, shared, depth + 1) for each in value]
    if not isinstance(value, dict):
        return value
    name = value.get("$ref")
    if len(value) == 1 and isinstance(name, str) and name in shared:
        return _with_shared(shared[name], shared, depth + 1)
    return {key: _with_shared(each, shared, depth + 1) for key, each in value.items()}
