"""What a flag's rules may refer to in their environment, and whether the references go in a circle. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from flags.payloads import Problem
from flags.references import flags_in, segments_in
from pointsman.core.model import AllOf, AnyOf, InSegment, Node, Not, Serves

LONGEST_CHAIN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The rest of an environment, as far as references need it.

    ``variants`` by the flag's key; ``needs`` are the flags each flag asks; ``nested`` the segments each
    segment asks.
    """

    segments: frozenset[str] = frozenset()
    variants: Mapping[str, frozenset[str]] = field(default_factory=dict)
    needs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    nested: Mapping[str, frozenset[str]] = field(default_factory=dict)


EMPTY: Final = World()


def check_references(nodes: Iterable[Node], world: World, field: str) -> Iterator[Problem]:
    """Every segment, flag and variant the trees name exists. ``field`` is the list's path."""
    for index, node in enumerate(nodes):
        yield from _node_problems(node, world, f"{field}.{index}")


def check_needs(key: str, nodes: Iterable[Node], world: World) -> Iterator[Problem]:
    """The flag does not come to depend on itself, nor on too long a chain."""
    needs = {**world.needs, key: flags_in(nodes)}
    path = _circle(key, needs)
    if path:
        yield Problem("requires", f"goes in a circle: {' needs '.join(path)}; take one of these away")
    elif _length(key, needs) > LONGEST_CHAIN:
        yield Problem("requires", f"makes a chain of more than {LONGEST_CHAIN} flags; shorten it")


def check_nesting(key: str, nodes: Iterable[Node], world: World) -> Iterator[Problem]:
    """The segment does not come to contain itself, nor too deep a nest of others."""
    nested = {**world.nested, key: segments_in(nodes)}
    path = _circle(key, nested)
    if path:
        yield Problem("conditions", f"goes in a circle: {' contains '.join(path)}; take one of these away")
    elif _length(key, nested) > LONGEST_CHAIN:
        yield Problem("conditions", f"nests more than {LONGEST_CHAIN} segments; flatten them")


def _node_problems(node: Node, world: World, field: str) -> Iterator[Problem]:
    match node:
        case AllOf():
            yield from check_references(node.nodes, world, f"{field}.all")
        case AnyOf():
            yield from check_references(node.nodes, world, f"{field}.any")
        case Not():
            yield from _node_problems(node.node, world, f"{field}.not")
        case InSegment() if node.segment not in world.segments:
            yield Problem(
                f"{field}.segment", f"there is no segment {node.segment[:80]!r} here; make it first"
            )
        case Serves():
            yield from serves_problems(node, world, field)
        case _:
            pass


def serves_problems(node: Serves, world: World, field: str) -> Iterator[Problem]:
    """The flag a prerequisite asks exists, with these variants."""
    known = world.variants.get(node.flag)
    if known is None:
        yield Problem(f"{field}.flag", f"there is no flag {node.flag[:80]!r} (that is not archived)")
        return
    if not node.variants:
        yield Problem(f"{field}.serves", "needs at least one variant")
    for variant in node.variants:
        if variant not in known:
            choice = ", ".join(sorted(known))
            yield Problem(f"{field}.serves", f"{node.flag} has no variant {variant[:80]!r}; use {choice}")


def _circle(start: str, edges: Mapping[str, frozenset[str]]) -> list[str]:
    """A path from ``start`` back to itself; empty: there is none."""
    came_from: dict[str, str] = {}
    waiting = [start]
    while waiting:
        at = waiting.pop()
        for to in sorted(edges.get(at, ())):
            if to == start:
                return _path(came_from, start, at)
            if to not in came_from:
                came_from[to] = at
                waiting.append(to)
    return []


def _path(came_from: Mapping[str, str], start: str, last: str) -> list[str]:
    path = [start, last] if last != start else [start]
    while path[-1] != start and came_from[path[-1]] != start:
        path.append(came_from[path[-1]])
    middle = path[1:][::-1]
    return [start, *middle, start]


def _length(start: str, edges: Mapping[str, frozenset[str]]) -> int:
    """Edges on the longest way from ``start``. There is no circle through it; others are looked at once."""
    longest: dict[str, int] = {}

    def walk(at: str, seen: frozenset[str]) -> int:
        if at not in longest:
            ahead = [walk(to, seen | {at}) + 1 for to in edges.get(at, ()) if to not in seen]
            longest[at] = max(ahead, default=0)
        return longest[at]

    return walk(start, frozenset())
