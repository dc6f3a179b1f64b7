"""Rules, and what a rule is made of, as JSON, both ways."""

from collections.abc import Container, Sequence
from functools import partial
from typing import Any, Final

from pointsman.core.bucketing import BUCKETS
from pointsman.core.hashing import FIXED_BUCKETS, MOST_BUCKETS
from pointsman.core.model import Gate, GateKind, Hashing, Kept, Range, Rule, Scheme, Span, Split, Window
from pointsman.core.nodes import nodes_to_wire, read_nodes
from pointsman.core.reading import count, each, member, name, optional, plain_text, record, required
from pointsman.core.splits import check_split
from pointsman.errors import CodecError, SplitError

_RULE: Final = frozenset({"id", "conditions", "split"})
_RULE_KNOWN: Final = _RULE | {"gates", "window", "hashing"}
_HASHING: Final = frozenset({"scheme", "seed", "buckets"})
_GATE: Final = frozenset({"kind", "name", "hashing", "spans"})
_KEPT: Final = frozenset({"rule", "epoch", "conditions", "ranges", "units"})
_WINDOW: Final = frozenset({"start", "end"})
_NONE: Final[frozenset[str]] = frozenset()
_SCHEMES: Final = {scheme.value: scheme for scheme in Scheme}
_GATE_KINDS: Final = {kind.value: kind for kind in GateKind}
_HEX: Final = frozenset("0123456789abcdef")


def rule_to_wire(rule: Rule) -> dict[str, object]:
    """The rule as JSON; what is at its default is left out."""
    wire: dict[str, object] = {
        "id": rule.id,
        "conditions": nodes_to_wire(rule.conditions),
        "split": [list(part) for part in rule.split],
    }
    if rule.gates:
        wire["gates"] = [_gate_to_wire(gate) for gate in rule.gates]
    if rule.window is not None:
        edges = {"start": rule.window.start, "end": rule.window.end}
        wire["window"] = {field: at for field, at in edges.items() if at is not None}
    if rule.hashing is not None:
        wire["hashing"] = _hashing_to_wire(rule.hashing)
    return wire


def kept_to_wire(kept: Kept) -> dict[str, object]:
    """The kept entry as JSON."""
    wire: dict[str, object] = {
        "rule": kept.rule,
        "epoch": kept.epoch,
        "conditions": nodes_to_wire(kept.conditions),
        "ranges": [list(part) for part in kept.ranges],
        "units": list(kept.units),
    }
    if kept.gates:
        wire["gates"] = [_gate_to_wire(gate) for gate in kept.gates]
    if kept.hashing is not None:
        wire["hashing"] = _hashing_to_wire(kept.hashing)
    return wire


def read_rule(raw: object, variants: Container[str]) -> Rule:
    """One rule of a flag with these variants."""
    wire = record(raw, _RULE, _RULE_KNOWN)
    rule_id = required(wire, "id", name)
    conditions = required(wire, "conditions", read_nodes)
    if len(wire) == len(_RULE):  # Most rules.
        split = required(wire, "split", lambda parts: _split(parts, variants, BUCKETS))
        return Rule(id=rule_id, conditions=conditions, split=split)
    hashing = read_hashing_of(wire)
    buckets = hashing.buckets if hashing else BUCKETS
    return Rule(
        id=rule_id,
        conditions=conditions,
        split=required(wire, "split", lambda parts: _split(parts, variants, buckets)),
        gates=optional(wire, "gates", _gates, ()),
        window=required(wire, "window", _window) if "window" in wire else None,
        hashing=hashing,
    )


def read_kept(raw: object, variants: Container[str]) -> Kept:
    """One kept entry of a flag with these variants."""
    wire = record(raw, _KEPT, _KEPT | {"gates", "hashing"})
    hashing = read_hashing_of(wire)
    ranges = required(wire, "ranges", lambda parts: each(parts, partial(_range, variants=variants)))
    try:
        _check_order(ranges, hashing.buckets if hashing else BUCKETS)
    except CodecError as error:
        raise CodecError("ranges", error.problem) from error
    return Kept(
        rule=required(wire, "rule", name),
        epoch=required(wire, "epoch", count),
        conditions=required(wire, "conditions", read_nodes),
        gates=optional(wire, "gates", _gates, ()),
        hashing=hashing,
        ranges=ranges,
        units=required(wire, "units", read_digests),
    )


def read_hashing(raw: object) -> Hashing:
    """One way from unit to bucket."""
    wire = record(raw, _HASHING, _HASHING | {"attribute"})
    scheme = required(wire, "scheme", lambda text: member(_SCHEMES, text))
    buckets = required(wire, "buckets", count)
    fixed = FIXED_BUCKETS.get(scheme)
    if not 1 <= buckets <= MOST_BUCKETS or (fixed and buckets != fixed):
        raise CodecError("buckets", f"{scheme} has {fixed or f'1 to {MOST_BUCKETS}'} buckets")
    return Hashing(
        scheme=scheme,
        seed=required(wire, "seed", plain_text),
        buckets=buckets,
        attribute=optional(wire, "attribute", _maybe_name, None),
    )


def read_hashing_of(wire: dict[str, Any]) -> Hashing | None:
    """The ``hashing`` of a rule or kept entry; None where it is left out."""
    return required(wire, "hashing", read_hashing) if "hashing" in wire else None


def read_digests(raw: object) -> tuple[str, ...]:
    """Names of unit sets: SHA-256 in 64 lower-case hexadecimal digits each."""
    return each(raw, _digest)


def known_variant(raw: object, variants: Container[str]) -> str:
    """The name of one of the variants."""
    found = plain_text(raw)
    if found not in variants:
        raise CodecError("", f"there is no variant {found!r:.80}")
    return found


def _hashing_to_wire(hashing: Hashing) -> dict[str, object]:
    wire: dict[str, object] = {"scheme": hashing.scheme, "seed": hashing.seed, "buckets": hashing.buckets}
    if hashing.attribute is not None:
        wire["attribute"] = hashing.attribute
    return wire


def _gate_to_wire(gate: Gate) -> dict[str, object]:
    spans = [list(span) for span in gate.spans]
    return {"kind": gate.kind, "name": gate.name, "hashing": _hashing_to_wire(gate.hashing), "spans": spans}


def _gates(raw: object) -> tuple[Gate, ...]:
    return each(raw, _gate)


def _gate(raw: object) -> Gate:
    wire = record(raw, _GATE, _GATE)
    hashing = required(wire, "hashing", read_hashing)
    spans = required(wire, "spans", lambda parts: each(parts, _span))
    try:
        _check_order(spans, hashing.buckets)
    except CodecError as error:
        raise CodecError("spans", error.problem) from error
    return Gate(
        kind=required(wire, "kind", lambda text: member(_GATE_KINDS, text)),
        name=required(wire, "name", plain_text),
        hashing=hashing,
        spans=spans,
    )


def _window(raw: object) -> Window:
    wire = record(raw, _NONE, _WINDOW)
    window = Window(
        start=optional(wire, "start", _maybe_count, None), end=optional(wire, "end", _maybe_count, None)
    )
    if window.start is not None and window.end is not None and window.start >= window.end:
        raise CodecError("end", "must be after start")
    return window


def _split(raw: object, variants: Container[str], buckets: int) -> Split:
    split = each(raw, partial(_range, variants=variants))
    try:
        check_split(split, buckets=buckets)
    except SplitError as error:
        raise CodecError("", str(error)) from error
    return split


def _range(raw: Any, variants: Container[str]) -> Range:
    if type(raw) is not list or len(raw) != 3:
        raise CodecError("", "must be [start, end, variant]")
    start, end, variant = raw
    if type(variant) is not str or variant not in variants:
        known_variant(variant, variants)
    return tuple.__new__(Range, (count(start), count(end), variant))  # A third of the cost of Range(...).


def _span(raw: Any) -> Span:
    if type(raw) is not list or len(raw) != 2:
        raise CodecError("", "must be [start, end]")
    return Span(count(raw[0]), count(raw[1]))


def _check_order(parts: Sequence[Span] | Sequence[Range], buckets: int) -> None:
    if any(part.start >= part.end for part in parts):
        raise CodecError("", "every range must hold at least one bucket")
    if any(parts[at].end > parts[at + 1].start for at in range(len(parts) - 1)):
        raise CodecError("", "ranges must be in order and not overlap")
    if parts and parts[-1].end > buckets:
        raise CodecError("", f"ranges must lie within {buckets} buckets")


def _digest(raw: object) -> str:
    found = plain_text(raw)
    if len(found) != 64 or not _HEX.issuperset(found):
        raise CodecError("", "must be a SHA-256 in 64 lower-case hexadecimal digits")
    return found


def _maybe_name(raw: object) -> str | None:
    return name(raw)


def _maybe_count(raw: object) -> int | None:
    return count(raw)
