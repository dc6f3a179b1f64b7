"""Flags as flagd's definitions, bit for bit for its released in-process providers.

openfeature-flagd-core 2 hashes CBOR, as the scheme ``flagd-cbor`` does; core 1 hashed plain text, as our own
scheme does. So an export is for one of the two.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from flags.exporters.flagd_logic import both, condition_of
from flags.exporters.model import Carried, Export, LeftOut, Object, by_variant, refuse_unsayable
from pointsman.core.model import Flag, Gate, Hashing, Json, Range, Rule, Ruleset, Scheme

_MOST_WEIGHT: Final = 2**31 - 1
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
    refuse_unsayable(flag)
    _check_variants(flag)
    found: Object = {"state": "ENABLED", "variants": dict(flag.variants), "defaultVariant": flag.default}
    if not flag.enabled:
        # Not DISABLED: programs would get their own default then, and ours serve the off variant.
        return {**found, "defaultVariant": flag.off}
    branches: list[Json] = []
    for variant, units in by_variant(flag.overrides.items()).items():
        branches += [{"in": [_UNIT, list(units)]}, variant]
    last: Json = flag.default
    for rule in flag.rules:
        condition = _met(ruleset, rule, hashing)
        served = _served(rule, flag, hashing)
        if condition is None:
            last = served
            break
        branches += [condition, served]
    if branches:
        return {**found, "targeting": {"if": [*branches, last]}}
    return found if last == flag.default else {**found, **_whole(last)}


def _whole(served: Json) -> Object:
    if isinstance(served, str):
        return {"defaultVariant": served}
    return {"targeting": served}


def _check_variants(flag: Flag) -> None:
    kinds = {_kind(value) for value in flag.variants.values()}
    if len(kinds) != 1 or not kinds <= {"boolean", "string", "number", "object"}:
        raise LeftOut("has variants of different types, lists or null, which flagd's flags cannot hold")


def _kind(value: Json) -> str:
    for kind, types in (("boolean", bool), ("string", str), ("number", (int, float)), ("object", dict)):
        if isinstance(value, types):
            return kind
    return "other"


def _met(ruleset: Ruleset, rule: Rule, hashing: Hash) -> Json:
    """The rule's conditions, gates and window; None: it takes everybody."""
    parts = [condition_of(ruleset, node) for node in rule.conditions]
    parts += [_passes(gate, hashing) for gate in rule.gates]
    parts += _attribute_guard(rule, hashing)
    if rule.window is not None:
        now: Json = {"var": "$flagd.timestamp"}
        parts += [] if rule.window.start is None else [{">=": [now, rule.window.start]}]
        parts += [] if rule.window.end is None else [{"<": [now, rule.window.end]}]
    return both(parts)


def _attribute_guard(rule: Rule, hashing: Hash) -> list[Json]:
    if rule.hashing is None or rule.hashing.attribute is None:
        return []
    raise LeftOut(f"draws {rule.hashing.attribute!r} instead of the unit")


def _passes(gate: Gate, hashing: Hash) -> Json:
    ranges: list[Range] = []
    at = 0
    for start, end in gate.spans:
        ranges += [Range(at, start, "out"), Range(start, end, "in")]
        at = end
    ranges.append(Range(at, gate.hashing.buckets, "out"))
    held = [part for part in ranges if part.start < part.end]
    return {"===": [_drawn(held, gate.hashing, hashing, ""), "in"]}


def _served(rule: Rule, flag: Flag, hashing: Hash) -> Json:
    if len({part.variant for part in rule.split}) == 1:
        return rule.split[0].variant
    return _drawn(rule.split, rule.hashing or Hashing(seed=flag.salt), hashing, flag.key)


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
