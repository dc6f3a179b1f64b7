"""References: what rules name exists, and nothing depends on itself."""

import pytest

from flags.payloads import Problem
from flags.world import EMPTY, World, check_needs, check_nesting, check_references
from pointsman.core.model import AllOf, AnyOf, InSegment, Node, Not, Serves

WORLD = World(
    segments=frozenset({"staff"}),
    variants={"checkout": frozenset({"on", "off"})},
    needs={"checkout": frozenset({"payments"}), "payments": frozenset({"ledger"})},
)


def problems(*nodes: Node) -> list[Problem]:
    return list(check_references(nodes, WORLD, "rules.0.conditions"))


def test_what_exists_may_be_referred_to() -> None:
    assert problems(InSegment("staff"), AnyOf((Not(Serves("checkout", ("on",))),))) == []


@pytest.mark.parametrize(
    ("node", "field"),
    [
        (InSegment("nobody"), "rules.0.conditions.0.segment"),
        (Not(InSegment("nobody")), "rules.0.conditions.0.not.segment"),
        (AllOf((InSegment("staff"), InSegment("nobody"))), "rules.0.conditions.0.all.1.segment"),
        (Serves("nothing", ("on",)), "rules.0.conditions.0.flag"),
        (Serves("checkout", ("blue",)), "rules.0.conditions.0.serves"),
        (Serves("checkout", ()), "rules.0.conditions.0.serves"),
    ],
)
def test_what_is_missing_is_named_where_it_stands(node: Node, field: str) -> None:
    assert [each.field for each in problems(node)] == [field]


def test_a_flag_cannot_need_itself() -> None:
    [problem] = check_needs("ranker", [Serves("ranker", ("v1",))], EMPTY)

    assert "ranker needs ranker" in problem.problem


def test_a_circle_through_other_flags_is_named_whole() -> None:
    [problem] = check_needs("ledger", [Serves("checkout", ("on",))], WORLD)

    assert "ledger needs checkout needs payments needs ledger" in problem.problem


def test_a_chain_may_have_ten_flags_and_no_more() -> None:
    chain = {f"f{n}": frozenset({f"f{n + 1}"}) for n in range(1, 10)}

    assert list(check_needs("f0", [Serves("f1", ("on",))], World(needs=chain))) == []
    longer = {**chain, "f10": frozenset({"f11"})}
    [problem] = check_needs("f0", [Serves("f1", ("on",))], World(needs=longer))
    assert "chain" in problem.problem


def test_segments_cannot_contain_one_another() -> None:
    world = World(nested={"staff": frozenset({"testers"})})

    [problem] = check_nesting("testers", [InSegment("staff")], world)

    assert "testers contains staff contains testers" in problem.problem


def test_segments_nest_ten_deep_and_no_deeper() -> None:
    nested = {f"s{n}": frozenset({f"s{n + 1}"}) for n in range(1, 11)}

    [problem] = check_nesting("s0", [InSegment("s1")], World(nested=nested))

    assert "nests" in problem.problem
