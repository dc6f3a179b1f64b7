"""Coverage, layers and holdouts as gates of rules: draws of their own, independent of the split. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from flags.model import LayerShare
from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import Gate, GateKind, Hashing, Rule, Scheme, Span
from pointsman.core.rule_codec import rule_to_wire

EVERYBODY: Final = (Span(0, BUCKETS),)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateParts:
    """A rule's gates as people write them; ``foreign`` are an import's, which stay as they are."""

    coverage: int
    layer: LayerShare | None
    spans: tuple[Span, ...]
    """The rule's room in its layer."""
    foreign: tuple[Gate, ...]


def coverage_gate(salt: str, share: int) -> Gate:
    """Lets ``share`` buckets of the flag's units in. Raising the share keeps everybody who is in."""
    hashing = Hashing(seed=f"{salt}:coverage")
    return Gate(kind=GateKind.COVERAGE, name="", hashing=hashing, spans=_span(0, share))


def layer_gate(layer: str, seed: str, spans: Iterable[Span]) -> Gate:
    """Lets those in whose bucket in the layer lies in one of the spans."""
    return Gate(kind=GateKind.LAYER, name=layer, hashing=Hashing(seed=seed), spans=tuple(spans))


def holdout_gate(project: str, share: int) -> Gate:
    """Keeps ``share`` buckets of all units out, the same ones under every flag and in every environment."""
    hashing = Hashing(seed=f"{project}:holdout")
    return Gate(kind=GateKind.HOLDOUT, name="holdout", hashing=hashing, spans=_span(share, BUCKETS))


def redrawn(rule: Rule, before: str, after: str) -> Rule:
    """The rule with whatever was seeded by one salt seeded by another; layers and holdouts stay."""

    def seeded(hashing: Hashing) -> Hashing:
        ours = hashing.seed == before or hashing.seed.startswith(f"{before}:")
        return replace(hashing, seed=after + hashing.seed.removeprefix(before)) if ours else hashing

    return replace(
        rule,
        hashing=None if rule.hashing is None else seeded(rule.hashing),
        gates=tuple(replace(gate, hashing=seeded(gate.hashing)) for gate in rule.gates),
    )


def behind_holdout(rules: tuple[Rule, ...], project: str, share: int) -> tuple[Rule, ...]:
    """The rules as they serve while ``share`` buckets of all units are held out of every split."""
    if not share:
        return rules
    gate = holdout_gate(project, share)
    return tuple(
        replace(rule, gates=(*rule.gates, gate)) if len({part.variant for part in rule.split}) > 1 else rule
        for rule in rules
    )


def rules_behind_holdout(rules: list[Any], project: str, share: int) -> list[Any]:
    """The same for rules in wire form."""
    if not share:
        return rules
    holding_out = Rule(id="", conditions=(), split=(), gates=(holdout_gate(project, share),))
    gates: Any = rule_to_wire(holding_out)["gates"]
    return [
        {**rule, "gates": [*rule.get("gates", ()), *gates]}
        if len({variant for _, _, variant in rule["split"]}) > 1
        else rule
        for rule in rules
    ]


def parts_of(rule: Rule, salt: str, seeds: Mapping[str, str]) -> GateParts:
    """Take a rule's gates apart. ``seeds`` are those of the environment's layers, by key."""
    coverage, layer, spans, foreign = BUCKETS, None, tuple[Span, ...](), list[Gate]()
    for gate in rule.gates:
        if gate == coverage_gate(salt, _share(gate)):
            coverage = _share(gate)
        elif gate.kind is GateKind.LAYER and _ours(gate, seeds):
            spans = gate.spans
            layer = LayerShare(layer=gate.name, share=width(spans))
        else:
            foreign.append(gate)
    return GateParts(coverage=coverage, layer=layer, spans=spans, foreign=tuple(foreign))


def shown_parts(rule: Rule) -> GateParts:
    """A stored rule's gates taken apart without knowing salt or seeds: every layer counts as one of ours."""
    seeds = {gate.name: gate.hashing.seed for gate in rule.gates if gate.kind is GateKind.LAYER}
    salts = [gate.hashing.seed.removesuffix(":coverage") for gate in rule.gates if _is_coverage(gate)]
    return parts_of(rule, salts[0] if salts else "", seeds)


def _is_coverage(gate: Gate) -> bool:
    return gate.kind is GateKind.COVERAGE and gate.hashing.seed.endswith(":coverage")


def width(spans: Iterable[Span]) -> int:
    """Buckets in all spans together."""
    return sum(span.end - span.start for span in spans)


def allot(held: tuple[Span, ...], taken: Iterable[Span], share: int) -> tuple[Span, ...] | None:
    """Spans of ``share`` buckets that keep as much of ``held`` as they can; None: the layer has no room.

    ``taken`` are the others'. Less room is given back from the end, more is taken from the first free
    buckets, so that a unit enters or leaves only for its bucket's sake.
    """
    surplus = width(held) - share
    if surplus >= 0:
        return _without_end(held, surplus)
    more: list[Span] = []
    missing = -surplus
    for start, end in _gaps([*held, *taken]):
        take = min(missing, end - start)
        if take:
            more.append(Span(start, start + take))
            missing -= take
    return None if missing else _joined([*held, *more])


def free_buckets(taken: Iterable[Span]) -> int:
    """How many of a layer's buckets nobody has."""
    return sum(end - start for start, end in _gaps(taken))


def _ours(gate: Gate, seeds: Mapping[str, str]) -> bool:
    return gate.hashing.scheme is Scheme.POINTSMAN and seeds.get(gate.name) == gate.hashing.seed


def _without_end(held: tuple[Span, ...], surplus: int) -> tuple[Span, ...]:
    kept: list[Span] = []
    for start, end in reversed(held):
        cut = min(surplus, end - start)
        surplus -= cut
        if end - cut > start:
            kept.append(Span(start, end - cut))
    return tuple(reversed(kept))


def _gaps(taken: Iterable[Span]) -> list[Span]:
    gaps, at = [], 0
    for start, end in sorted(taken):
        if start > at:
            gaps.append(Span(at, start))
        at = max(at, end)
    return gaps if at >= BUCKETS else [*gaps, Span(at, BUCKETS)]


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and joined[-1].end == start:
            joined[-1] = Span(joined[-1].start, end)
        else:
            joined.append(Span(start, end))
    return tuple(joined)


def _span(start: int, end: int) -> tuple[Span, ...]:
    """These buckets; no span at all where there are none, so that nobody passes."""
    return (Span(start, end),) if start < end else ()


def _share(gate: Gate) -> int:
    return gate.spans[0].end if gate.spans else 0
