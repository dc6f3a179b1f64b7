"""One rule's draft as the rule that serves: weights become ranges, shares become gates. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from flags.gates import allot, coverage_gate, layer_gate, parts_of, width
from flags.model import RuleDraft
from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import Gate, GateKind, Hashing, Rule, Scheme, Span, Split
from pointsman.core.splits import check_split, reweight, split_of, weights_of
from pointsman.errors import SplitError
from runtime.errors import Invalid

BUCKETS_OF_SCHEME: Final[Mapping[Scheme, int]] = {
    Scheme.GROWTHBOOK_V1: 1_000,
    Scheme.GROWTHBOOK_V2: 10_000,
}
"""How many buckets new rules have; 100,000 where nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What a flag's new rules are bucketed with."""

    salt: str
    scheme: Scheme = Scheme.POINTSMAN

    def hashing(self) -> Hashing | None:
        """For a new rule; None: the flag's own salt as ever."""
        if self.scheme is Scheme.POINTSMAN:
            return None
        # Where seed and unit are simply put together, the colon keeps salts apart that begin alike.
        seed = f"{self.salt}:" if self.scheme is Scheme.FLAGD_CBOR else self.salt
        return Hashing(scheme=self.scheme, seed=seed, buckets=BUCKETS_OF_SCHEME.get(self.scheme, BUCKETS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A layer, and the spans that rules of other flags, or this flag's other rules, have in it."""

    seed: str
    taken: tuple[Span, ...] = field(default=())


def shared(rooms: Mapping[str, Room], rules: Iterable[Rule]) -> dict[str, Room]:
    """The rooms with what these rules have in them taken too."""
    found = dict(rooms)
    for rule in rules:
        for gate in rule.gates:
            room = found.get(gate.name) if gate.kind is GateKind.LAYER else None
            if room is not None:
                found[gate.name] = Room(seed=room.seed, taken=(*room.taken, *gate.spans))
    return found


def ranged_rule(
    draft: RuleDraft, rule_id: str, stored: Rule | None, draw: Draw, rooms: Mapping[str, Room], at: str
) -> Rule:
    """The rule that serves. ``at`` is the draft's path, for errors. Invalid: see ``targeting.ranged``."""
    hashing = draft.hashing or (stored.hashing if stored else draw.hashing())
    buckets = BUCKETS if hashing is None else hashing.buckets
    weights = _scaled(draft, buckets, f"{at}.weights")
    same_draw = stored is not None and stored.hashing == hashing
    return Rule(
        id=rule_id,
        conditions=draft.conditions,
        split=_split(
            draft.ranges, stored.split if stored and same_draw else (), weights, buckets, f"{at}.ranges"
        ),
        gates=_gates(draft, stored, draw.salt, rooms, at),
        window=draft.window,
        hashing=hashing,
    )


def _split(ranges: Split, stored: Split, weights: dict[str, int], buckets: int, field: str) -> Split:
    """Ranges that hold the weights: the draft's, or the nearest to the stored ones, or fresh ones."""
    if ranges:
        try:
            check_split(ranges, buckets)
        except SplitError as error:
            raise Invalid(field, f"{error}; or leave the ranges out") from None
        if weights_of(ranges) == {name: weight for name, weight in weights.items() if weight}:
            return ranges
    start = stored or ranges
    return reweight(start, weights, buckets=buckets) if start else split_of(weights, buckets=buckets)


def _scaled(draft: RuleDraft, buckets: int, field: str) -> dict[str, int]:
    """The draft's weights as weights of the rule's own buckets."""
    if draft.buckets == buckets:
        return dict(draft.weights)
    for name, weight in draft.weights.items():
        if weight * buckets % draft.buckets:
            finest = 100 / buckets
            raise Invalid(
                f"{field}.{name}",
                f"this rule buckets units in {buckets} parts: use multiples of {finest:g} %",
            )
    return {name: weight * buckets // draft.buckets for name, weight in draft.weights.items()}


def _gates(
    draft: RuleDraft, stored: Rule | None, salt: str, rooms: Mapping[str, Room], at: str
) -> tuple[Gate, ...]:
    parts = parts_of(stored, salt, {key: room.seed for key, room in rooms.items()}) if stored else None
    gates = list(draft.gates or (parts.foreign if parts else ()))
    if draft.coverage < BUCKETS:
        gates.append(coverage_gate(salt, draft.coverage))
    if draft.layer is not None:
        room = rooms.get(draft.layer.layer)
        if room is None:
            raise Invalid(f"{at}.layer", f"there is no layer {draft.layer.layer[:80]!r} here; make it first")
        stays = parts is not None and parts.layer is not None and parts.layer.layer == draft.layer.layer
        held = parts.spans if parts is not None and stays else ()
        wanted = draft.layer.spans
        spans = wanted if _fits(wanted, room.taken, draft.layer.share, at) else None
        spans = spans or allot(held, room.taken, draft.layer.share)
        if spans is None:
            raise Invalid(f"{at}.layer_share", f"the layer {draft.layer.layer!r} has not so much room left")
        gates.append(layer_gate(draft.layer.layer, room.seed, spans))
    return tuple(gates)


def _fits(spans: tuple[Span, ...], taken: tuple[Span, ...], share: int, at: str) -> bool:
    """Whether these very buckets hold the share. Invalid: they are none, or others have some of them."""
    if not spans or width(spans) != share:
        return False
    ordered = [(0, 0), *spans, (BUCKETS, BUCKETS)]
    if any(start >= end for start, end in spans) or any(a[1] > b[0] for a, b in pairwise(ordered)):
        raise Invalid(f"{at}.layer", f"spans are [start, end) in order, within 0 to {BUCKETS}")
    if any(
        start < end_taken and start_taken < end for start, end in spans for start_taken, end_taken in taken
    ):
        raise Invalid(f"{at}.layer", "other rules have some of these spans; leave the spans out")
    return True
