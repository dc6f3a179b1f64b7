"""Coverage, layers and holdouts: draws of their own that give and take room and move nobody else."""

from hypothesis import given
from hypothesis import strategies as st

from flags.gates import (
    EVERYBODY,
    allot,
    behind_holdout,
    coverage_gate,
    free_buckets,
    layer_gate,
    parts_of,
    redrawn,
    rules_behind_holdout,
    shown_parts,
    width,
)
from flags.model import LayerShare
from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import Gate, GateKind, Hashing, Rule, Scheme, Span
from pointsman.core.rule_codec import rule_to_wire
from pointsman.core.splits import split_of

SALT = "demo/ranker"
shares = st.integers(0, BUCKETS)


def rule(*gates: Gate, weights: dict[str, int] | None = None, hashing: Hashing | None = None) -> Rule:
    split = split_of(weights or {"v1": 50_000, "v2": 50_000})
    return Rule(id="r1", conditions=(), split=split, gates=gates, hashing=hashing)


def covered(spans: tuple[Span, ...]) -> set[int]:
    """Every hundredth bucket the spans hold; shares below are multiples of a hundred."""
    return {bucket for start, end in spans for bucket in range(start, end, 100)}


@given(shares, shares)
def test_a_layer_gives_exactly_the_share_that_is_asked_for(held: int, share: int) -> None:
    before = allot((), (), held)

    after = allot(before or (), (), share)

    assert after is not None
    assert width(after) == share


@given(st.lists(st.integers(0, 400), min_size=2, max_size=6))
def test_a_share_that_grows_keeps_everybody_and_one_that_shrinks_lets_nobody_new_in(sizes: list[int]) -> None:
    taken = (Span(10_000, 20_000), Span(55_000, 60_000))
    held: tuple[Span, ...] = ()

    for size in sizes:
        after = allot(held, taken, size * 100)

        assert after is not None
        smaller, larger = sorted((covered(held), covered(after)), key=len)
        assert smaller <= larger
        assert not covered(after) & covered(taken)
        held = after


def test_a_layer_without_room_says_so() -> None:
    taken = (Span(0, 90_000),)

    assert allot((), taken, 10_001) is None
    assert allot((), taken, 10_000) == (Span(90_000, 100_000),)


def test_what_nobody_has_is_free() -> None:
    assert free_buckets([Span(0, 30_000), Span(20_000, 50_000), Span(90_000, 100_000)]) == 40_000
    assert free_buckets([]) == BUCKETS
    assert free_buckets(EVERYBODY) == 0


def test_gates_come_apart_as_they_were_put_together() -> None:
    foreign = Gate(
        kind=GateKind.COVERAGE,
        name="",
        hashing=Hashing(scheme=Scheme.UNLEASH, seed="group", buckets=100),
        spans=(Span(0, 30),),
    )
    layer = layer_gate("checkout", "demo:layer:checkout", (Span(0, 10_000), Span(50_000, 60_000)))

    parts = parts_of(
        rule(foreign, coverage_gate(SALT, 25_000), layer), SALT, {"checkout": layer.hashing.seed}
    )

    assert parts.coverage == 25_000
    assert parts.layer == LayerShare(layer="checkout", share=20_000)
    assert parts.foreign == (foreign,)


def test_a_layer_of_an_import_is_foreign() -> None:
    imported = layer_gate("checkout", "somebody-elses-seed", (Span(0, 10_000),))

    parts = parts_of(rule(imported), SALT, {"checkout": "demo:layer:checkout"})

    assert parts.layer is None
    assert parts.foreign == (imported,)


def test_a_page_tells_coverage_and_layer_without_knowing_salts() -> None:
    stored = rule(coverage_gate(SALT, 40_000), layer_gate("checkout", "seed", (Span(0, 7_000),)))

    parts = shown_parts(stored)

    assert (parts.coverage, parts.layer) == (40_000, LayerShare(layer="checkout", share=7_000))


def test_the_holdout_stands_only_before_rules_that_split() -> None:
    splitting, single = rule(), rule(weights={"v1": BUCKETS})

    after = behind_holdout((splitting, single), "demo", 5_000)

    assert after[0].gates[-1].kind is GateKind.HOLDOUT
    assert after[0].gates[-1].spans == (Span(5_000, BUCKETS),)
    assert after[1] == single


def test_the_holdout_stands_before_stored_rules_as_before_read_ones() -> None:
    rules = (rule(coverage_gate(SALT, 9)), rule(), rule(weights={"v1": BUCKETS}))

    stored = rules_behind_holdout([rule_to_wire(rule) for rule in rules], "demo", 5_000)

    assert stored == [rule_to_wire(rule) for rule in behind_holdout(rules, "demo", 5_000)]
    assert [len(each.get("gates", ())) for each in stored] == [2, 1, 0]


def test_without_a_holdout_rules_stay_as_they_are() -> None:
    rules = (rule(),)

    assert behind_holdout(rules, "demo", 0) is rules


def test_a_redrawn_rule_changes_what_the_flags_salt_seeds_and_nothing_else() -> None:
    layer = layer_gate("checkout", "demo:layer:checkout", (Span(0, 10_000),))
    before = rule(coverage_gate(SALT, 10_000), layer, hashing=Hashing(seed=SALT))

    after = redrawn(before, SALT, "demo/ranker#2")

    assert after.hashing == Hashing(seed="demo/ranker#2")
    assert after.gates[0] == coverage_gate("demo/ranker#2", 10_000)
    assert after.gates[1] == layer


@given(shares)
def test_any_coverage_nobody_included_is_read_back_from_its_gate(share: int) -> None:
    assert parts_of(rule(coverage_gate(SALT, share)), SALT, {}).coverage == share
    assert shown_parts(rule(coverage_gate(SALT, share))).coverage == share
