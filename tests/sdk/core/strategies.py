"""Hypothesis strategies for whatever may stand in a ruleset."""

from hypothesis import strategies as st

from pointsman.core.bucketing import BUCKETS
from pointsman.core.conditions import MANY
from pointsman.core.hashing import FIXED_BUCKETS
from pointsman.core.model import (
    AllOf,
    AnyOf,
    Condition,
    Flag,
    Gate,
    GateKind,
    Hashing,
    InSegment,
    Json,
    Kept,
    Kind,
    Node,
    Not,
    Operator,
    Range,
    Rule,
    Ruleset,
    Scalar,
    Scheme,
    Segment,
    Serves,
    Span,
    Split,
    Switch,
    Window,
)
from pointsman.core.splits import split_of
from pointsman.core.unit_sets import UnitSet, digest_of, hash_of_unit, read_units, write_bloom, write_hashes

texts = st.text(st.characters(codec="utf-8"), max_size=8)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
scalars: st.SearchStrategy[Scalar] = st.booleans() | numbers | texts
payloads: st.SearchStrategy[Json] = st.recursive(
    st.none() | scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
_OF_KIND: dict[Kind, st.SearchStrategy[Json]] = {
    Kind.BOOLEAN: st.booleans(),
    Kind.STRING: texts,
    Kind.NUMBER: numbers,
    Kind.JSON: payloads,
    Kind.MODEL: st.dictionaries(texts, payloads, max_size=3),
}
ATTRIBUTES = ("country", "age", "beta", "app.version")
"""Few, so that conditions and contexts meet."""
_VALUES: st.SearchStrategy[Scalar] = st.sampled_from(
    ["DE", "D", "E", "", "FR", True, False, 0, 1, 1.0, 2, -1.5, 10**30]
)


@st.composite
def weights(draw: st.DrawFn, variants: tuple[str, ...] = ("a", "b", "c", "d")) -> dict[str, int]:
    """Buckets for each variant, 100,000 in all; some may have none."""
    cuts = sorted(
        draw(st.lists(st.integers(0, BUCKETS), min_size=len(variants) - 1, max_size=len(variants) - 1))
    )
    edges = [0, *cuts, BUCKETS]
    return {name: edges[index + 1] - edges[index] for index, name in enumerate(variants)}


@st.composite
def splits(draw: st.DrawFn, variants: tuple[str, ...], most: int = 12, buckets: int = BUCKETS) -> Split:
    """Any split among these variants, neighbours of one variant included."""
    most = min(most, buckets)
    cuts = draw(st.lists(st.integers(1, max(1, buckets - 1)), max_size=most - 1, unique=True))
    edges = [0, *sorted(cuts), buckets]
    named = {f"{index}": edges[index + 1] - edges[index] for index in range(len(edges) - 1)}
    parts = split_of(named, buckets=buckets)
    return tuple(part._replace(variant=draw(st.sampled_from(variants))) for part in parts)


UNITS = ("user-1", "user-2", "é", "42")
NOW = 1_000
_LISTED = [
    write_hashes("s", (hash_of_unit("s", unit) for unit in UNITS[:2])),
    write_bloom("b", (hash_of_unit("b", unit) for unit in UNITS[1:3])),
    write_hashes("none", ()),
]
SETS: dict[str, UnitSet] = {digest_of(body): read_units(body) for body in _LISTED}
"""Unit sets by digest. Rulesets name one more, which is not loaded."""
_DIGESTS = [*SETS, "0" * 64]
_WANTED: dict[str, list[Scalar]] = {
    "number": [0, 1, 1.0, 2, -1.5, 10**30],
    "text": ["DE", "D", "E", "", "FR"],
    "date": ["2026-11-21", "2026-11-21T00:00:00.5+01:00", "1969-12-31T23:59:60Z"],
    "semver": ["1.0.0", "v1.0.0-rc.1", "2.10.0+build"],
    "ip": ["10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "::/0"],
    "exists": [True, False],
}
CONTEXT_VALUES: st.SearchStrategy[object] = st.sampled_from(
    [
        *("DE", "DEU", "", "2026-11-21", "2026-11-20T23:00:00.5Z", "1.0.0", "2.2.0", "10.1.2.3", "::1"),
        *(
            True,
            False,
            0,
            1,
            1.5,
            10**400,
            float("nan"),
            float("inf"),
            None,
            {},
            b"DE",
            "\ud800",
            "x" * 10_001,
        ),
        *([], ["DE", 1], ("FR", True), {"DE"}, [[]], {"version": "1.0.0"}, {"version": None}, object()),
    ]
)
contexts: st.SearchStrategy[dict[str, object]] = st.dictionaries(
    st.sampled_from((*ATTRIBUTES, "app")), CONTEXT_VALUES
)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    """Any condition the codec takes, on one of a few attributes."""
    operator = draw(st.sampled_from(Operator))
    wanted = next((values for begin, values in _WANTED.items() if operator.startswith(begin)), None)
    value = _VALUES if wanted is None else st.sampled_from(wanted)
    most = 4 if operator in MANY else 1
    values = tuple(draw(st.lists(value, min_size=1, max_size=most)))
    return Condition(attribute=draw(st.sampled_from(ATTRIBUTES)), operator=operator, values=values)


def nodes(references: st.SearchStrategy[Node] | None = None) -> st.SearchStrategy[Node]:
    """Any tree of conditions and these references."""
    leaf: st.SearchStrategy[Node] = conditions()
    if references is not None:
        leaf |= references
    return st.recursive(
        leaf,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3).map(lambda found: AllOf(tuple(found)))
            | st.lists(inner, min_size=1, max_size=3).map(lambda found: AnyOf(tuple(found)))
            | inner.map(Not)
        ),
        max_leaves=4,
    )


@st.composite
def hashings(draw: st.DrawFn) -> Hashing:
    """Any way from unit to bucket."""
    scheme = draw(st.sampled_from(Scheme))
    buckets = FIXED_BUCKETS.get(scheme) or draw(st.sampled_from([1, 7, 1_000, 100_000, 2**31 - 1]))
    attribute = draw(st.none() | st.sampled_from(ATTRIBUTES))
    return Hashing(scheme=scheme, seed=draw(texts), buckets=buckets, attribute=attribute)


@st.composite
def ordered(draw: st.DrawFn, buckets: int, least: int = 0) -> list[tuple[int, int]]:
    """Ranges in order, none overlapping, with or without gaps."""
    size = st.integers(least, 3).filter(lambda count: count <= buckets)
    edges: list[int] = []
    for _ in range(draw(size)):
        start = draw(st.integers(edges[-1] if edges else 0, buckets))
        end = draw(st.integers(start, buckets))
        edges += [start, end]
    found = [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
    return found or [(0, buckets)] * (least > 0)


@st.composite
def gates(draw: st.DrawFn) -> Gate:
    """Any gate."""
    hashing = draw(hashings())
    spans = tuple(Span(*each) for each in draw(ordered(hashing.buckets)))
    return Gate(kind=draw(st.sampled_from(GateKind)), name=draw(texts), hashing=hashing, spans=spans)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """A window about NOW."""
    start = draw(st.none() | st.integers(NOW - 2, NOW + 1))
    end = draw(st.none() | st.integers((start or NOW - 2) + 1, NOW + 3))
    return Window(start=start, end=end)


def trees(references: st.SearchStrategy[Node] | None) -> st.SearchStrategy[tuple[Node, ...]]:
    """The conditions of one rule."""
    return st.lists(nodes(references), max_size=3).map(tuple)


@st.composite
def rules(draw: st.DrawFn, at: int, known: tuple[str, ...], others: st.SearchStrategy[Node] | None) -> Rule:
    """Any rule of a flag with these variants."""
    hashing = draw(st.none() | hashings())
    buckets = hashing.buckets if hashing else BUCKETS
    return Rule(
        id=f"r{at}",
        conditions=draw(trees(others)),
        split=draw(splits(known, buckets=buckets)),
        gates=tuple(draw(st.lists(gates(), max_size=2))),
        window=draw(st.none() | windows()),
        hashing=hashing,
    )


@st.composite
def kept_entries(draw: st.DrawFn, known: tuple[str, ...], others: st.SearchStrategy[Node] | None) -> Kept:
    """Any kept entry of a flag with these variants."""
    hashing = draw(st.none() | hashings())
    ranges = draw(ordered(hashing.buckets if hashing else BUCKETS, least=1))
    return Kept(
        rule="former",
        epoch=draw(st.integers(0, 9)),
        conditions=draw(trees(others)),
        gates=tuple(draw(st.lists(gates(), max_size=1))),
        hashing=hashing,
        ranges=tuple(Range(start, end, draw(st.sampled_from(known))) for start, end in ranges),
        units=tuple(draw(st.lists(st.sampled_from(_DIGESTS), max_size=2))),
    )


@st.composite
def flags(draw: st.DrawFn, key: str, others: st.SearchStrategy[Node] | None = None) -> Flag:
    """Any flag the codec takes; ``others`` are the references it may make."""
    kind = draw(st.sampled_from(Kind))
    variants = draw(st.dictionaries(names, _OF_KIND[kind], min_size=1, max_size=4))
    known = tuple(variants)
    one_of = st.sampled_from(known)
    switches = draw(st.lists(st.integers(NOW - 3, NOW + 3), max_size=2, unique=True).map(sorted))
    asked = [] if others is None else draw(st.lists(others, max_size=1))
    return Flag(
        key=key,
        kind=kind,
        salt=draw(texts),
        enabled=draw(st.booleans()),
        version=draw(st.integers(0, 2**63 - 1)),
        variants=variants,
        off=draw(one_of),
        default=draw(one_of),
        rules=tuple(draw(rules(at, known, others)) for at in range(draw(st.integers(0, 3)))),
        unit_type=draw(st.sampled_from(["user", "account"])),
        sticky=draw(st.booleans()),
        epoch=draw(st.integers(0, 3)),
        requires=tuple(each for each in asked if isinstance(each, Serves)),
        overrides=draw(st.dictionaries(st.sampled_from(UNITS), one_of, max_size=2)),
        kept=tuple(draw(st.lists(kept_entries(known, others), max_size=2))),
        switches=tuple(Switch(at=at, enabled=draw(st.booleans())) for at in switches),
    )


@st.composite
def rulesets(draw: st.DrawFn, least: int = 0) -> Ruleset:
    """Any ruleset the codec takes, of so many flags or more."""
    segments: dict[str, Segment] = {}
    made: dict[str, Flag] = {}
    for key in draw(st.lists(names, max_size=2, unique=True)):
        digests = st.lists(st.sampled_from(_DIGESTS), max_size=2).map(tuple)
        segments[key] = Segment(
            key=key,
            conditions=draw(trees(_references({}, segments))),
            included=draw(digests),
            excluded=draw(digests),
        )
    for key in draw(st.lists(names, min_size=least, max_size=3, unique=True)):
        made[key] = draw(flags(key, _references(made, segments)))
    return Ruleset(
        project=draw(names),
        environment=draw(names),
        revision=draw(st.integers(0, 2**63 - 1)),
        flags=made,
        segments=segments,
    )


def _references(flags: dict[str, Flag], segments: dict[str, Segment]) -> st.SearchStrategy[Node] | None:
    found: list[Node] = [InSegment(key) for key in segments]
    for key, flag in flags.items():
        found += [Serves(key, (variant,)) for variant in flag.variants]
    return st.sampled_from(found) if found else None
