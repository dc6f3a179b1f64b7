"""Whether condition trees are small enough and their leaves can be evaluated. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from flags import limits
from flags.conditions import check_condition
from flags.payloads import Problem
from flags.references import every_node
from pointsman.core.model import AllOf, AnyOf, Condition, Node, Not

DEEPEST: Final = 10


def check_nodes(nodes: tuple[Node, ...], field: str) -> Iterator[Problem]:
    """Every problem of a rule's or segment's conditions."""
    total = sum(1 for _ in every_node(nodes))
    if total > limits.NODES_PER_RULE:
        yield Problem(
            field, f"has {total} conditions and groups; at most {limits.NODES_PER_RULE} are allowed"
        )
        return
    yield from _each(nodes, field, 1)


def _each(nodes: Iterable[Node], field: str, depth: int) -> Iterator[Problem]:
    for index, node in enumerate(nodes):
        yield from _check(node, f"{field}.{index}", depth)


def _check(node: Node, field: str, depth: int) -> Iterator[Problem]:
    if depth > DEEPEST:
        yield Problem(field, f"is nested deeper than {DEEPEST} levels")
        return
    match node:
        case Condition():
            yield from check_condition(node, field)
        case AllOf() | AnyOf():
            name = "all" if isinstance(node, AllOf) else "any"
            if not node.nodes:
                yield Problem(f"{field}.{name}", "is an empty group; add a condition or take it away")
            yield from _each(node.nodes, f"{field}.{name}", depth + 1)
        case Not():
            yield from _check(node.node, f"{field}.not", depth + 1)
        case _:
            pass
