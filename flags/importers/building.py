"""Parts every importer puts flags together from: names, kinds, ranges, and what it has to say on the way."""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from flags import limits
from flags.importers.model import Finding, Outcome, Unmappable
from flags.importers.terms import Term, conditions_of
from flags.model import RuleDraft
from flags.trees import check_nodes
from pointsman.core.model import Gate, GateKind, Hashing, Json, Kind, Range, Span, Split, Window
from pointsman.core.splits import weights_of

_STRANGE: Final = re.compile(r"[^a-z0-9._-]+")


def key_of(name: str, place: str = "key") -> str:
    """The name as a key of ours: small letters, digits and ``._-``. Unmappable: nothing is left of it."""
    key = _STRANGE.sub("-", name.lower()).lstrip("._-")
    if not limits.is_key(key):
        raise Unmappable(place, f"{name[:80]!r} cannot be spelled as a key of ours; rename it")
    return key


def kind_of(payloads: Iterable[Json]) -> Kind:
    """The narrowest kind all the payloads are of."""
    values = list(payloads)
    if all(isinstance(value, bool) for value in values):
        return Kind.BOOLEAN
    if all(isinstance(value, str) for value in values):
        return Kind.STRING
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return Kind.NUMBER
    return Kind.JSON


@dataclass(slots=True)
class Variants:
    """Values that get a name each, once: for vendors that name no variants."""

    named: dict[str, Json] = field(default_factory=dict)

    def name_of(self, value: Json, hint: str = "", others: Collection[str] = ()) -> str:
        """The name of this value. Unmappable: more variants than a flag may have.

        ``others`` are names that mean something else, although their value may be the same: the other
        arms of an experiment.
        """
        spelled = json.dumps(value, sort_keys=True)
        for name, known in self.named.items():
            if name not in others and json.dumps(known, sort_keys=True) == spelled:
                return name
        name = self._free(self._hinted(value, hint))
        if len(self.named) >= limits.VARIANTS_PER_FLAG:
            raise Unmappable("variants", f"has more than {limits.VARIANTS_PER_FLAG} different values")
        self.named[name] = value
        return name

    def _hinted(self, value: Json, hint: str) -> str:
        if isinstance(value, bool):
            return "on" if value else "off"
        for wanted in (hint, value):
            name = _STRANGE.sub("-", wanted.lower()).strip("._-")[:40] if isinstance(wanted, str) else ""
            if limits.is_key(name):
                return name
        return "nothing" if value is None else f"v{len(self.named)}"

    def _free(self, name: str) -> str:
        number, free = 2, name
        while free in self.named:
            free, number = f"{name}-{number}", number + 1
        return free


@dataclass(slots=True)
class Notes:
    """What is said about one flag while it is mapped."""

    subject: str
    partial: bool
    findings: list[Finding] = field(default_factory=list)

    def note(self, place: str, text: str) -> None:
        """Exact but for what the text names."""
        self._add(place, Outcome.NOTED, text)

    def change(self, place: str, text: str) -> None:
        """Not exact. Unmappable: no partial import was asked for."""
        if not self.partial:
            raise Unmappable(place, text)
        self._add(place, Outcome.CHANGED, text)

    def skip(self, error: Unmappable, text: str) -> None:
        """Part of the flag cannot be carried. Raises ``error``: no partial import was asked for."""
        if not self.partial:
            raise error
        self._add(error.place, Outcome.CHANGED, f"{error.why}; {text}")

    def _add(self, place: str, outcome: Outcome, text: str) -> None:
        found = Finding(subject=self.subject, place=place, outcome=outcome, text=text)
        if found not in self.findings:
            self.findings.append(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who gets to a rule's split: conditions, gates and window."""

    term: Term = True
    gates: tuple[Gate, ...] = ()
    window: Window | None = None


def rule_of(entry: Entry, split: Split, hashing: Hashing | None = None) -> RuleDraft | None:
    """The rule; None: nobody meets it. Unmappable: conditions that nothing here can evaluate."""
    conditions = conditions_of(entry.term)
    if conditions is None or any(not gate.spans for gate in entry.gates):
        return None
    for problem in check_nodes(conditions, "conditions"):
        raise Unmappable(problem.field, problem.problem)
    buckets = split[-1].end
    return RuleDraft(
        weights=weights_of(split),
        conditions=conditions,
        gates=entry.gates,
        window=entry.window,
        hashing=hashing,
        buckets=buckets,
        ranges=split,
    )


def whole_split(variant: str) -> Split:
    """Everybody gets this variant."""
    return (Range(0, 100_000, variant),)


def gate_of(name: str, hashing: Hashing, spans: Iterable[Span]) -> Gate:
    """A draw of an import. No layer of ours: its seed is the vendor's."""
    return Gate(kind=GateKind.COVERAGE, name=name[:100], hashing=hashing, spans=joined(spans))


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The spans in order, neighbours and overlaps made one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(end, found[-1].end))
        elif start < end:
            found.append(Span(start, end))
    return tuple(found)


def drawn(ranges: Sequence[Range], buckets: int) -> tuple[Split, tuple[Span, ...]]:
    """A split that gives each bucket what the first range holding it gives, and the buckets any range holds.

    Buckets no range holds go with their neighbour: nobody gets there through a gate of the spans.
    """
    edges = sorted({0, buckets, *(edge for part in ranges for edge in part[:2])})
    owned: list[Range] = []
    for start, end in pairwise(edges):
        owner = next((part.variant for part in ranges if part.start <= start and end <= part.end), None)
        if owner is not None:
            owned.append(Range(start, end, owner))
    spans = joined(Span(part.start, part.end) for part in owned)
    if not owned:
        return (), ()
    split: list[Range] = []
    for index, part in enumerate(owned):
        end = owned[index + 1].start if index + 1 < len(owned) else buckets
        start = split[-1].end if split else 0
        if split and split[-1].variant == part.variant:
            split[-1] = Range(split[-1].start, end, part.variant)
        else:
            split.append(Range(start, end, part.variant))
    return tuple(split), spans


def of_weights(weights: Sequence[tuple[str, int]]) -> Split:
    """Ranges one after the other; a variant may come more than once."""
    split: list[Range] = []
    at = 0
    for variant, weight in weights:
        if weight > 0:
            split.append(Range(at, at + weight, variant))
            at += weight
    return tuple(split)
