"""Flags and segments as JSON, both ways."""

from collections.abc import Iterable
from functools import partial
from itertools import pairwise
from typing import Any, Final

from pointsman.core.costs import problem_of
from pointsman.core.model import Flag, Json, Kept, Kind, Node, Rule, Segment, Switch
from pointsman.core.nodes import nodes_to_wire, read_nodes, read_serves, serves_to_wire
from pointsman.core.payload import read_payload
from pointsman.core.reading import (
    boolean,
    count,
    each,
    entries,
    member,
    name,
    optional,
    plain_text,
    record,
    required,
)
from pointsman.core.rule_codec import (
    kept_to_wire,
    known_variant,
    read_digests,
    read_kept,
    read_rule,
    rule_to_wire,
)
from pointsman.errors import CodecError

MAX_OVERRIDES: Final = 10_000
MAX_SWITCHES: Final = 1_000

_FLAG: Final = frozenset({"kind", "salt", "enabled", "version", "off", "default", "variants", "rules"})
_FLAG_KNOWN: Final = _FLAG | {"unit_type", "sticky", "epoch", "requires", "overrides", "kept", "switches"}
_SEGMENT_KNOWN: Final = frozenset({"conditions", "included", "excluded"})
_NONE: Final[frozenset[str]] = frozenset()
_KINDS: Final = {kind.value: kind for kind in Kind}
DEFAULT_UNIT_TYPE: Final = "user"


def flag_to_wire(flag: Flag) -> dict[str, object]:
    """The flag as JSON; what is at its default is left out."""
    wire: dict[str, object] = {
        "kind": flag.kind,
        "salt": flag.salt,
        "enabled": flag.enabled,
        "version": flag.version,
        "off": flag.off,
        "default": flag.default,
        "variants": flag.variants,
        "rules": [rule_to_wire(rule) for rule in flag.rules],
    }
    if flag.unit_type != DEFAULT_UNIT_TYPE:
        wire["unit_type"] = flag.unit_type
    if flag.sticky:
        wire["sticky"] = flag.sticky
    if flag.epoch:
        wire["epoch"] = flag.epoch
    if flag.requires:
        wire["requires"] = [serves_to_wire(asked) for asked in flag.requires]
    if flag.overrides:
        wire["overrides"] = flag.overrides
    if flag.kept:
        wire["kept"] = [kept_to_wire(kept) for kept in flag.kept]
    if flag.switches:
        wire["switches"] = [[switch.at, switch.enabled] for switch in flag.switches]
    return wire


def segment_to_wire(segment: Segment) -> dict[str, object]:
    """The segment as JSON; what is empty is left out."""
    wire: dict[str, object] = {}
    if segment.conditions:
        wire["conditions"] = nodes_to_wire(segment.conditions)
    if segment.included:
        wire["included"] = list(segment.included)
    if segment.excluded:
        wire["excluded"] = list(segment.excluded)
    return wire


def read_flag(key: str, raw: object) -> Flag:
    """The flag of this key."""
    wire = record(raw, _FLAG, _FLAG_KNOWN)
    kind = required(wire, "kind", lambda text: member(_KINDS, text))
    variants = _variants(wire["variants"], kind)
    known = partial(known_variant, variants=variants)
    flag = Flag(
        key=key,
        kind=kind,
        salt=required(wire, "salt", plain_text),
        enabled=required(wire, "enabled", boolean),
        version=required(wire, "version", count),
        variants=variants,
        off=required(wire, "off", known),
        default=required(wire, "default", known),
        rules=required(wire, "rules", lambda rules: _rules(rules, variants)),
        **(_newer(wire, variants) if len(wire) > len(_FLAG) else {}),
    )
    parts: tuple[Rule | Kept, ...] = (*flag.rules, *flag.kept)
    _check_cost((node for part in parts for node in part.conditions), "rules")
    return flag


def read_segment(key: str, raw: object) -> Segment:
    """The segment of this key."""
    wire = record(raw, _NONE, _SEGMENT_KNOWN)
    conditions: tuple[Node, ...] = optional(wire, "conditions", read_nodes, ())
    _check_cost(conditions, "conditions")
    return Segment(
        key=key,
        conditions=conditions,
        included=optional(wire, "included", read_digests, ()),
        excluded=optional(wire, "excluded", read_digests, ()),
    )


def _check_cost(nodes: Iterable[Node], field: str) -> None:
    problem = problem_of(nodes)
    if problem:
        raise CodecError(field, problem)


def _newer(wire: dict[str, Any], variants: dict[str, Json]) -> dict[str, Any]:
    """The fields of format 2 that are there."""
    read = {
        "unit_type": name,
        "sticky": boolean,
        "epoch": count,
        "requires": lambda raw: each(raw, read_serves),
        "overrides": lambda raw: _overrides(raw, variants),
        "kept": lambda raw: each(raw, partial(read_kept, variants=variants)),
        "switches": _switches,
    }
    return {field: required(wire, field, reader) for field, reader in read.items() if field in wire}


def _variants(raw: object, kind: Kind) -> dict[str, Json]:
    if type(raw) is not dict:
        raise CodecError("variants", f"must be an object, not {type(raw).__name__}")
    found: dict[str, Json] = {}
    for variant, payload in raw.items():
        try:
            name(variant)
        except CodecError as error:
            raise CodecError("variants", error.problem) from error
        found[variant] = read_payload(payload, kind, f"variants.{variant}")
    return found


def _rules(raw: object, variants: dict[str, Json]) -> tuple[Any, ...]:
    rules = each(raw, partial(read_rule, variants=variants))
    if len(rules) > 1 and len({rule.id for rule in rules}) != len(rules):
        raise CodecError("", "two rules have the same id")
    return rules


def _overrides(raw: object, variants: dict[str, Json]) -> dict[str, str]:
    found = entries(raw, lambda _, variant: known_variant(variant, variants))
    if len(found) > MAX_OVERRIDES:
        raise CodecError("", f"names over {MAX_OVERRIDES} units; put them into a segment")
    return found


def _switches(raw: object) -> tuple[Switch, ...]:
    switches = each(raw, _switch)
    if len(switches) > MAX_SWITCHES:
        raise CodecError("", f"holds over {MAX_SWITCHES} switches")
    if any(left.at >= right.at for left, right in pairwise(switches)):
        raise CodecError("", "must be in order of time, each instant once")
    return switches


def _switch(raw: Any) -> Switch:
    if type(raw) is not list or len(raw) != 2:
        raise CodecError("", "must be [at, enabled]")
    return Switch(at=count(raw[0]), enabled=boolean(raw[1]))
