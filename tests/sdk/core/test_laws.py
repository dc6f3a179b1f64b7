"""The laws of who moves, under every scheme, through the evaluation that SDKs use."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pointsman.core.evaluation import Evaluation
from pointsman.core.hashing import FIXED_BUCKETS, bucket_of
from pointsman.core.model import Gate, GateKind, Hashing, Json, Rule, Scheme, Span, Split
from pointsman.core.splits import moved, owner, reweight, split_of, weights_of
from tests.sdk.core.rulesets import flag, ruleset

UNITS = [f"user-{number}" for number in range(150)]
VARIANTS = ("a", "b", "c")
PAYLOADS: dict[str, Json] = {name: {"model": name} for name in VARIANTS}
# Where a scheme's vendor fixes the number of buckets, that; elsewhere few, so that moves meet units.
_BUCKETS = st.sampled_from([40, 1_000, 100_000])
_SEEDS = st.text(st.characters(codec="ascii", exclude_characters="\x00"), min_size=1, max_size=12)


@st.composite
def hashings(draw: st.DrawFn, scheme: Scheme) -> Hashing:
    return Hashing(scheme=scheme, seed=draw(_SEEDS), buckets=FIXED_BUCKETS.get(scheme) or draw(_BUCKETS))


schemes = st.sampled_from(Scheme).flatmap(hashings)


@st.composite
def weights(draw: st.DrawFn, buckets: int) -> dict[str, int]:
    cuts = sorted(draw(st.tuples(st.integers(0, buckets), st.integers(0, buckets))))
    return {"a": cuts[0], "b": cuts[1] - cuts[0], "c": buckets - cuts[1]}


def served(hashing: Hashing, split: Split, *gates: Gate) -> dict[str, str | None]:
    """The variant the rule gives each unit; None: it does not let the unit in."""
    rule = Rule(id="r1", conditions=(), split=split, hashing=hashing, gates=gates)
    one = replace(flag(rule, variants=PAYLOADS), off="a", default="a")
    evaluation = Evaluation(ruleset(one))
    choices = [evaluation.choose(one.key, unit, None, None) for unit in UNITS]
    return {each.unit: each.variant if each.rule else None for each in choices}


def test_every_scheme_is_among_those_tried() -> None:
    assert len(Scheme) == 9


@given(st.data(), schemes)
def test_a_ramp_step_moves_champion_units_to_the_challenger_and_never_back(
    data: st.DataObject, hashing: Hashing
) -> None:
    steps = sorted(data.draw(st.lists(st.integers(0, hashing.buckets), min_size=2, max_size=4)))
    splits = [split_of({"a": hashing.buckets - steps[0], "b": steps[0]}, buckets=hashing.buckets)]
    for share in steps[1:]:
        ramp = {"a": hashing.buckets - share, "b": share}
        splits.append(reweight(splits[-1], ramp, buckets=hashing.buckets))

    challenged = [{unit for unit, got in served(hashing, split).items() if got == "b"} for split in splits]

    assert all(before <= after for before, after in pairwise(challenged))


@given(st.data(), schemes)
def test_a_reweight_moves_the_least_and_only_whom_the_moved_buckets_hold(
    data: st.DataObject, hashing: Hashing
) -> None:
    before = split_of(data.draw(weights(hashing.buckets)), buckets=hashing.buckets)
    wanted = data.draw(weights(hashing.buckets))
    after = reweight(before, wanted, buckets=hashing.buckets)

    had, has = served(hashing, before), served(hashing, after)

    decreases = [held - wanted[name] for name, held in weights_of(before).items() if held > wanted[name]]
    assert moved(before, after) == sum(decreases)
    for unit in UNITS:
        drawn = bucket_of(hashing, unit)
        assert (had[unit], has[unit]) == (owner(before, drawn), owner(after, drawn))
        if had[unit] != has[unit]:
            assert wanted[str(had[unit])] < weights_of(before)[str(had[unit])], "only who shrinks loses units"


@given(st.data(), schemes, schemes)
def test_raising_coverage_lets_units_in_and_moves_nobody_who_was(
    data: st.DataObject, hashing: Hashing, gate: Hashing
) -> None:
    split = split_of(data.draw(weights(hashing.buckets)), buckets=hashing.buckets)
    low, high = sorted(data.draw(st.tuples(st.integers(1, gate.buckets), st.integers(1, gate.buckets))))

    few, many = (served(hashing, split, _coverage(gate, share)) for share in (low, high))

    assert {unit: got for unit, got in few.items() if got}.items() <= many.items()
    assert all(got in (None, owner(split, bucket_of(hashing, unit))) for unit, got in many.items())


@given(st.data(), schemes)
def test_what_else_is_edited_moves_nobody(data: st.DataObject, hashing: Hashing) -> None:
    split = split_of(data.draw(weights(hashing.buckets)), buckets=hashing.buckets)
    rule = Rule(id="r1", conditions=(), split=split, hashing=hashing)
    one = flag(rule, variants=PAYLOADS)
    edited = replace(
        one,
        version=2,
        variants={**PAYLOADS, "d": {"model": "d"}},
        rules=(replace(rule, id="r2"), Rule(id="r3", conditions=(), split=split_of({"c": 100_000}))),
        overrides={"somebody": "c"},
        unit_type="account",
    )

    both = [Evaluation(ruleset(each, revision=at)) for at, each in enumerate((one, edited))]

    for unit in UNITS:
        former, present = (each.choose(one.key, unit, None, None).variant for each in both)
        assert former == present


def _coverage(hashing: Hashing, share: int) -> Gate:
    return Gate(kind=GateKind.COVERAGE, name="", hashing=hashing, spans=(Span(0, share),))
