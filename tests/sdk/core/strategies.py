"""Hypothesis strategies for whatever may stand in a ruleset."""

from hypothesis import strategies as st

from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import Condition, Flag, Json, Kind, Operator, Rule, Ruleset, Scalar, Split
from pointsman.core.splits import split_of

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
ATTRIBUTES = ("country", "age", "beta")
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
def splits(draw: st.DrawFn, variants: tuple[str, ...], most: int = 12) -> Split:
    """Any split among these variants, neighbours of one variant included."""
    cuts = draw(st.lists(st.integers(1, BUCKETS - 1), max_size=most - 1, unique=True))
    edges = [0, *sorted(cuts), BUCKETS]
    named = {f"{index}": edges[index + 1] - edges[index] for index in range(len(edges) - 1)}
    return tuple(part._replace(variant=draw(st.sampled_from(variants))) for part in split_of(named))


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    """Any condition the codec takes, on one of three attributes."""
    operator = draw(st.sampled_from(Operator))
    values: tuple[Scalar, ...]
    if operator in (Operator.IN, Operator.NOT_IN):
        values = tuple(draw(st.lists(_VALUES, min_size=1, max_size=4)))
    elif operator.startswith("number_"):
        values = (draw(st.sampled_from([0, 1, 1.0, 2, -1.5, 10**30])),)
    elif operator.startswith("text_"):
        values = (draw(st.sampled_from(["DE", "D", "E", "", "FR"])),)
    else:
        values = (draw(_VALUES),)
    return Condition(attribute=draw(st.sampled_from(ATTRIBUTES)), operator=operator, values=values)


@st.composite
def flags(draw: st.DrawFn, key: str) -> Flag:
    """Any flag the codec takes."""
    kind = draw(st.sampled_from(Kind))
    variants = draw(st.dictionaries(names, _OF_KIND[kind], min_size=1, max_size=4))
    known = tuple(variants)
    rules = tuple(
        Rule(
            id=f"r{index}",
            conditions=tuple(draw(st.lists(conditions(), max_size=3))),
            split=draw(splits(known)),
        )
        for index in range(draw(st.integers(0, 4)))
    )
    return Flag(
        key=key,
        kind=kind,
        salt=draw(texts),
        enabled=draw(st.booleans()),
        version=draw(st.integers(0, 2**63 - 1)),
        variants=variants,
        off=draw(st.sampled_from(known)),
        default=draw(st.sampled_from(known)),
        rules=rules,
    )


@st.composite
def rulesets(draw: st.DrawFn) -> Ruleset:
    """Any ruleset the codec takes."""
    keys = draw(st.lists(names, max_size=3, unique=True))
    return Ruleset(
        project=draw(names),
        environment=draw(names),
        revision=draw(st.integers(0, 2**63 - 1)),
        flags={key: draw(flags(key)) for key in keys},
    )
