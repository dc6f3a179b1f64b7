"""Flags as flagd's definitions, bit for bit for its released in-process providers.

openfeature-flagd-core 2 hashes CBOR, as the scheme ``flagd-cbor`` does; core 1 hashed plain text, as our own
scheme does. So an export is for one of the two.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from flags.exporters.flagd_logic import both, condition_of
from flags.exporters.model import Carried, Export, LeftOut, Object, by_variant, refuse_sticky
from pointsman.core.model import Flag, Gate, Hashing, Json, Range, Rule, Ruleset, Scheme, Serves

_MOST_WEIGHT: Final = 2**31 - 1
# A flag that asks others, which ask others: so many in one flag's logic are still read in a moment.
_MOST_WRITTEN_OUT: Final = 20
_UNIT: Final[Json] = {"var": "targetingKey"}


class Hash(StrEnum):
    """Which providers read the export."""

    CBOR = "cbor"
    TEXT = "text"


def export(ruleset: Ruleset, hashing: Hash) -> Export:
    """The ruleset's flags as flagd's, each exactly or left out."""
    flags: Object = {}
    lines: list[Carried] = []
    for key, flag in ruleset.flags.items():
        try:
            flags[key] = definition(ruleset, flag, hashing)
        except LeftOut as error:
            lines.append(Carried(flag=key, carried=False, why=str(error)))
        else:
            lines.append(Carried(flag=key, carried=True, why=""))
    return Export(flags=flags, lines=tuple(lines))


def definition(ruleset: Ruleset, flag: Flag, hashing: Hash) -> Object:
    """One flag. LeftOut: it means what flagd cannot say exactly."""
    _check_variants(flag)
    served = _Serving(ruleset, hashing, flag.key).of(flag)
    found: Object = {"state": "ENABLED", "variants": dict(flag.variants), "defaultVariant": flag.default}
    # Not DISABLED where it is off: programs would get their own default then, and ours serve the off variant.
    return {**found, "defaultVariant": served} if isinstance(served, str) else {**found, "targeting": served}


class _Serving:
    """What flags serve, as a variant's name or as logic that gives one. Flags that one asks are written out
    within it, for flagd's logic cannot ask them.
    """

    def __init__(self, ruleset: Ruleset, hashing: Hash, within: str) -> None:
        self._ruleset, self._hashing, self._within = ruleset, hashing, within
        self._written = 0

    def of(self, flag: Flag) -> Json:
        """The flag's. LeftOut."""
        refuse_sticky(flag)
        self._written += 1
        if self._written > _MOST_WRITTEN_OUT:
            raise LeftOut(f"asks what more than {_MOST_WRITTEN_OUT} flags serve, each to be written out")
        branches = self._off(flag)
        if branches is None:
            return flag.off
        for needed in flag.requires:
            branches += [{"!": [self._serves(needed)]}, flag.off]
        for variant, units in by_variant(flag.overrides.items()).items():
            branches += [{"in": [_UNIT, list(units)]}, variant]
        last: Json = flag.default
        for rule in flag.rules:
            condition = self._met(rule)
            served = self._drawn_by(rule, flag)
            if condition is None:
                last = served
                break
            branches += [condition, served]
        return {"if": [*branches, last]} if branches else last

    def _off(self, flag: Flag) -> list[Json] | None:
        """The branch of when switches leave the flag off; None: it always is."""
        starts = [(None, flag.enabled), *((each.at, each.enabled) for each in flag.switches)]
        ends: list[int | None] = [*(each.at for each in flag.switches), None]
        spans = [(start, end) for (start, on), end in zip(starts, ends, strict=True) if not on]
        if not any(on for _, on in starts):
            return None
        off = [both(_between(start, end)) for start, end in spans]
        return [] if not off else [{"or": off}, flag.off]

    def _serves(self, asked: Serves) -> Json:
        """Whether another flag serves one of these."""
        return {"in": [self.of(self._ruleset.flags[asked.flag]), list(asked.variants)]}

    def _met(self, rule: Rule) -> Json:
        """The rule's conditions, gates and window; None: it takes everybody."""
        parts = [condition_of(self._ruleset, node, self._serves) for node in rule.conditions]
        parts += [_passes(gate, self._hashing) for gate in rule.gates]
        if rule.hashing is not None and rule.hashing.attribute is not None:
            raise LeftOut(f"draws {rule.hashing.attribute!r} instead of the unit")
        if rule.window is not None:
            parts += _between(rule.window.start, rule.window.end)
        return both(parts)

    def _drawn_by(self, rule: Rule, flag: Flag) -> Json:
        if len({part.variant for part in rule.split}) == 1:
            return rule.split[0].variant
        drawn_by = rule.hashing or Hashing(seed=flag.salt)
        if flag.key != self._within and drawn_by.scheme is Scheme.FLAGD_CBOR_PAIR:
            raise LeftOut(f"asks what {flag.key!r} serves, which is drawn by its own key")
        return _drawn(rule.split, drawn_by, self._hashing, flag.key)


def _between(start: int | None, end: int | None) -> list[Json]:
    """Questions whether now lies from the one second to before the other."""
    now: Json = {"var": "$flagd.timestamp"}
    after: list[Json] = [] if start is None else [{">=": [now, start]}]
    return after + ([] if end is None else [{"<": [now, end]}])


def _check_variants(flag: Flag) -> None:
    kinds = {_kind(value) for value in flag.variants.values()}
    if len(kinds) != 1 or not kinds <= {"boolean", "string", "number", "object"}:
        raise LeftOut("has variants of different types, lists or null, which flagd's flags cannot hold")


def _kind(value: Json) -> str:
    for kind, types in (("boolean", bool), ("string", str), ("number", (int, float)), ("object", dict)):
        if isinstance(value, types):
            return kind
    return "other"


def _passes(gate: Gate, hashing: Hash) -> Json:
    ranges: list[Range] = []
    at = 0
    for start, end in gate.spans:
        ranges += [Range(at, start, "out"), Range(start, end, "in")]
        at = end
    ranges.append(Range(at, gate.hashing.buckets, "out"))
    held = [part for part in ranges if part.start < part.end]
    return {"===": [_drawn(held, gate.hashing, hashing, ""), "in"]}


def _drawn(ranges: Sequence[Range], drawn_by: Hashing, hashing: Hash, key: str) -> Json:
    if drawn_by.attribute is not None:
        raise LeftOut(f"draws {drawn_by.attribute!r} instead of the unit")
    if drawn_by.buckets > _MOST_WEIGHT:
        raise LeftOut("has more buckets than flagd's weights can sum to")
    weights: list[Json] = [[part.variant, part.end - part.start] for part in ranges]
    seed = _seed(drawn_by, hashing, key)
    by: list[Json] = [] if seed is None else [{"cat": [seed, _UNIT]}]
    return {"fractional": [*by, *weights]}


def _seed(drawn_by: Hashing, hashing: Hash, key: str) -> str | None:
    """The text before the unit; None: flagd's own, which is the flag's key."""
    scheme = drawn_by.scheme
    if hashing is Hash.TEXT and scheme in (Scheme.POINTSMAN, Scheme.FLAGD):
        return f"{drawn_by.seed}:" if scheme is Scheme.POINTSMAN else drawn_by.seed
    if hashing is Hash.CBOR and scheme is Scheme.FLAGD_CBOR:
        return drawn_by.seed
    if hashing is Hash.CBOR and scheme is Scheme.FLAGD_CBOR_PAIR and drawn_by.seed == key:
        return None
    wanted = "flagd-cbor" if hashing is Hash.CBOR else "pointsman or flagd"
    raise LeftOut(f"is drawn by the scheme {scheme}; these providers draw only {wanted} exactly")
