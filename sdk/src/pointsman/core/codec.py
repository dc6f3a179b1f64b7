"""Rulesets as bytes: one canonical spelling out, strict reading in.

Format 1 is JSON with sorted keys, no spaces and UTF-8, so equal rulesets are equal bytes (the ETag relies
on it). Reading refuses whatever it does not know: a client that cannot read a ruleset exactly must keep the
last one it could read, never guess (law 10).
"""

import json
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from pointsman.core.conditions import check_condition
from pointsman.core.model import Condition, Flag, Json, Kind, Operator, Range, Rule, Ruleset, Split
from pointsman.core.payload import read_payload, scalar, text
from pointsman.core.splits import check_split
from pointsman.errors import CodecError, SplitError

__all__ = ["FORMAT", "CodecError", "decode", "encode"]

FORMAT: Final = 1

_RULESET: Final = frozenset({"format", "project", "environment", "revision", "flags"})
_FLAG: Final = frozenset({"kind", "salt", "enabled", "version", "off", "default", "variants", "rules"})
_RULE: Final = frozenset({"id", "conditions", "split"})
_CONDITION: Final = frozenset({"attribute", "operator", "values"})

_T = TypeVar("_T")


def encode(ruleset: Ruleset) -> bytes:
    """The ruleset's canonical bytes, which ``decode`` accepts and gives back equal.

    CodecError: the ruleset breaks a rule of the format; nothing a client would refuse is ever written.
    """
    wire = {
        "format": FORMAT,
        "project": ruleset.project,
        "environment": ruleset.environment,
        "revision": ruleset.revision,
        "flags": {key: _flag_to_wire(flag) for key, flag in ruleset.flags.items()},
    }
    try:
        body = json.dumps(
            wire, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        ).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise CodecError("ruleset", f"is not JSON ({error})") from error
    if decode(body) != ruleset:
        raise CodecError("ruleset", "holds a value JSON cannot give back, such as a tuple or a key not text")
    return body


def decode(body: bytes) -> Ruleset:
    """The ruleset these bytes spell. Its payloads are read-only: every caller shares them.

    CodecError: not format 1; anything unknown, missing, doubled, of the wrong type or out of range; a
    reference to an unknown variant; a split that does not cover the buckets.
    """
    wire = _record(_parse(body), _RULESET, "")
    if _count(wire["format"], "format") != FORMAT:
        raise CodecError("format", f"this client reads format {FORMAT} only")
    return Ruleset(
        project=_name(wire["project"], "project"),
        environment=_name(wire["environment"], "environment"),
        revision=_count(wire["revision"], "revision"),
        flags={
            _name(key, "flags"): _flag(key, raw, f"flags.{key}")
            for key, raw in _object(wire["flags"], "flags").items()
        },
    )


def _flag_to_wire(flag: Flag) -> dict[str, object]:
    return {
        "kind": flag.kind,
        "salt": flag.salt,
        "enabled": flag.enabled,
        "version": flag.version,
        "off": flag.off,
        "default": flag.default,
        "variants": flag.variants,
        "rules": [_rule_to_wire(rule) for rule in flag.rules],
    }


def _rule_to_wire(rule: Rule) -> dict[str, object]:
    conditions = [
        {"attribute": condition.attribute, "operator": condition.operator, "values": list(condition.values)}
        for condition in rule.conditions
    ]
    return {"id": rule.id, "conditions": conditions, "split": [list(part) for part in rule.split]}


def _parse(body: bytes) -> object:
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique)
    except CodecError:
        raise
    except (ValueError, RecursionError) as error:
        raise CodecError("ruleset", f"is not readable JSON ({error})") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise CodecError("ruleset", "holds an object with the same key twice")
    return members


def _flag(key: str, raw: object, field: str) -> Flag:
    wire = _record(raw, _FLAG, field)
    kind = _member(Kind, wire["kind"], f"{field}.kind")
    variants = {
        _name(name, f"{field}.variants"): read_payload(payload, kind, f"{field}.variants.{name}")
        for name, payload in _object(wire["variants"], f"{field}.variants").items()
    }
    flag = Flag(
        key=key,
        kind=kind,
        salt=text(wire["salt"], f"{field}.salt"),
        enabled=_boolean(wire["enabled"], f"{field}.enabled"),
        version=_count(wire["version"], f"{field}.version"),
        variants=variants,
        off=_known(wire["off"], variants, f"{field}.off"),
        default=_known(wire["default"], variants, f"{field}.default"),
        rules=tuple(_each(wire["rules"], f"{field}.rules", lambda rule, at: _rule(rule, variants, at))),
    )
    _distinct([rule.id for rule in flag.rules], f"{field}.rules")
    return flag


def _rule(raw: object, variants: dict[str, Json], field: str) -> Rule:
    wire = _record(raw, _RULE, field)
    return Rule(
        id=_name(wire["id"], f"{field}.id"),
        conditions=tuple(_each(wire["conditions"], f"{field}.conditions", _condition)),
        split=_split(wire["split"], variants, f"{field}.split"),
    )


def _condition(raw: object, field: str) -> Condition:
    wire = _record(raw, _CONDITION, field)
    condition = Condition(
        attribute=_name(wire["attribute"], f"{field}.attribute"),
        operator=_member(Operator, wire["operator"], f"{field}.operator"),
        values=tuple(_each(wire["values"], f"{field}.values", scalar)),
    )
    problem = check_condition(condition)
    if problem:
        raise CodecError(f"{field}.values", problem)
    return condition


def _split(raw: object, variants: dict[str, Json], field: str) -> Split:
    split = tuple(_each(raw, field, lambda part, at: _range(part, variants, at)))
    try:
        check_split(split)
    except SplitError as error:
        raise CodecError(field, str(error)) from error
    return split


def _range(raw: object, variants: dict[str, Json], field: str) -> Range:
    if not isinstance(raw, list) or len(raw) != 3:
        raise CodecError(field, "must be [start, end, variant]")
    start, end, variant = raw
    return Range(_count(start, field), _count(end, field), _known(variant, variants, field))


def _record(raw: object, fields: frozenset[str], field: str) -> dict[str, object]:
    members = _object(raw, field or "ruleset")
    prefix = f"{field}." if field else ""
    for name in sorted(fields - members.keys()):
        raise CodecError(f"{prefix}{name}", "is missing")
    for name in sorted(members.keys() - fields):
        raise CodecError(f"{prefix}{name!r:.80}", "is not a known field")
    return members


def _object(raw: object, field: str) -> dict[str, object]:
    if not isinstance(raw, dict):
        raise CodecError(field, f"must be an object, not {type(raw).__name__}")
    return raw


def _each(raw: object, field: str, read: Callable[[object, str], _T]) -> Iterable[_T]:
    if not isinstance(raw, list):
        raise CodecError(field, f"must be a list, not {type(raw).__name__}")
    return (read(item, f"{field}[{index}]") for index, item in enumerate(raw))


def _member(kinds: Callable[[str], _T], raw: object, field: str) -> _T:
    name = text(raw, field)
    try:
        return kinds(name)
    except ValueError as error:
        raise CodecError(field, f"{name!r:.80} is not known to this client") from error


def _known(raw: object, variants: dict[str, Json], field: str) -> str:
    name = text(raw, field)
    if name not in variants:
        raise CodecError(field, f"there is no variant {name!r:.80}")
    return name


def _distinct(ids: list[str], field: str) -> None:
    if len(set(ids)) != len(ids):
        raise CodecError(field, "two rules have the same id")


def _name(raw: object, field: str) -> str:
    name = text(raw, field)
    if not name:
        raise CodecError(field, "must not be empty")
    return name


def _count(raw: object, field: str) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw < 2**63:
        raise CodecError(field, "must be a whole number from 0 to 2**63 - 1")
    return raw


def _boolean(raw: object, field: str) -> bool:
    if not isinstance(raw, bool):
        raise CodecError(field, "must be true or false")
    return raw
