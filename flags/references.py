"""What rules and prerequisites refer to: other flags, segments, layers. Pure."""

from collections.abc import Iterable, Iterator

from flags.model import Targeting
from pointsman.core.model import (
    AllOf,
    AnyOf,
    GateKind,
    InSegment,
    Node,
    Not,
    Rule,
    Serves,
)


def every_node(nodes: Iterable[Node]) -> Iterator[Node]:
    """All nodes of the trees, parents before children."""
    waiting = list(nodes)[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        match node:
            case AllOf() | AnyOf():
                waiting.extend(reversed(node.nodes))
            case Not():
                waiting.append(node.node)
            case _:
                pass


def nodes_of(rules: Iterable[Rule], requires: Iterable[Serves]) -> Iterator[Node]:
    """Every node a flag's state consists of."""
    yield from requires
    for rule in rules:
        yield from every_node(rule.conditions)


def proposed_nodes(targeting: Targeting) -> list[Node]:
    """The roots of everything a draft asks."""
    return [*targeting.requires, *(node for rule in targeting.rules for node in rule.conditions)]


def flags_in(nodes: Iterable[Node]) -> frozenset[str]:
    """Keys of the flags the nodes ask."""
    return frozenset(node.flag for node in nodes if isinstance(node, Serves))


def segments_in(nodes: Iterable[Node]) -> frozenset[str]:
    """Keys of the segments the nodes ask."""
    return frozenset(node.segment for node in nodes if isinstance(node, InSegment))


def layers_in(rules: Iterable[Rule]) -> frozenset[str]:
    """Names of the layers the rules have room in."""
    return frozenset(
        gate.name for rule in rules for gate in rule.gates if gate.kind is GateKind.LAYER and gate.name
    )


def refers(rules: Iterable[Rule], requires: Iterable[Serves]) -> str:
    """One text of all references, to be searched for `` segment:staff ``; empty: there are none."""
    every = tuple(rules)
    nodes = list(nodes_of(every, requires))
    tokens = [
        *(f"flag:{key}" for key in sorted(flags_in(nodes))),
        *(f"layer:{key}" for key in sorted(layers_in(every))),
        *(f"segment:{key}" for key in sorted(segments_in(nodes))),
    ]
    return f" {' '.join(tokens)} " if tokens else ""
