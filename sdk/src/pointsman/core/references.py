"""What a ruleset's parts name in one another, and whether all of it is there and ends somewhere."""

from collections.abc import Iterable, Iterator
from typing import Final

from pointsman.core.flag_texts import tied_flags
from pointsman.core.model import AllOf, AnyOf, Condition, Flag, InSegment, Node, Not, Ruleset, Segment, Serves
from pointsman.core.unit_sets import UNPUBLISHED
from pointsman.errors import CodecError

MAX_CHAIN: Final = 10
"""Steps from a flag to the last flag or segment it depends on."""

_Vertex = tuple[str, str]
"""``("flags" | "segments", key)``."""
_Edges = dict[_Vertex, list[_Vertex]]


def leaves(nodes: Iterable[Node]) -> Iterator[Condition | InSegment | Serves]:
    """Every condition and reference in these trees, in order."""
    for node in nodes:
        match node:
            case AllOf(inner) | AnyOf(inner):
                yield from leaves(inner)
            case Not(inner_node):
                yield from leaves((inner_node,))
            case _:
                yield node


def nodes_of(flag: Flag) -> Iterator[Node]:
    """The roots of every tree of the flag: its kept entries', then its rules'."""
    for kept in flag.kept:
        yield from kept.conditions
    for rule in flag.rules:
        yield from rule.conditions


def unit_sets_of(ruleset: Ruleset) -> frozenset[str]:
    """The digests of every unit set the ruleset needs, as far as they are handed out."""
    found: set[str] = set()
    for segment in ruleset.segments.values():
        found.update(segment.included, segment.excluded)
    for flag in tied_flags(ruleset.flags).values():
        for kept in flag.kept:
            found.update(kept.units)
    return frozenset(found - {UNPUBLISHED})


def needs_of(flag: Flag) -> Iterator[InSegment | Serves]:
    """What the flag asks of segments and other flags, in order, repeated as it is."""
    yield from flag.requires
    for leaf in leaves(nodes_of(flag)):
        if not isinstance(leaf, Condition):
            yield leaf


def segment_needs(segment: Segment) -> Iterator[InSegment | Serves]:
    """What the segment asks of other segments and of flags."""
    return (leaf for leaf in leaves(segment.conditions) if not isinstance(leaf, Condition))


def check_references(ruleset: Ruleset) -> None:
    """CodecError: an unknown flag, variant or segment, a cycle, or a chain longer than MAX_CHAIN."""
    edges: _Edges = {}
    for key, segment in ruleset.segments.items():
        edges["segments", key] = [
            _target(ruleset, each, f"segments.{key}") for each in segment_needs(segment)
        ]
    for key, flag in tied_flags(ruleset.flags).items():
        if flag.requires or flag.rules or flag.kept:
            found = [_target(ruleset, each, f"flags.{key}") for each in needs_of(flag)]
            if found:
                edges["flags", key] = found
    _check_ends(edges)


def _target(ruleset: Ruleset, asked: InSegment | Serves, field: str) -> _Vertex:
    if isinstance(asked, InSegment):
        if asked.segment not in ruleset.segments:
            raise CodecError(field, f"there is no segment {asked.segment!r:.80}")
        return "segments", asked.segment
    flag = ruleset.flags.get(asked.flag)
    if flag is None:
        raise CodecError(field, f"there is no flag {asked.flag!r:.80} to depend on")
    for variant in asked.variants:
        if variant not in flag.variants:
            raise CodecError(field, f"flag {asked.flag!r:.80} has no variant {variant!r:.80}")
    return "flags", asked.flag


def _check_ends(edges: _Edges) -> None:
    lengths: dict[_Vertex, int] = {}
    for start in edges:
        _length(start, edges, lengths, ())


def _length(
    vertex: _Vertex,
    edges: _Edges,
    lengths: dict[_Vertex, int],
    path: tuple[_Vertex, ...],
) -> int:
    if vertex in path:
        raise CodecError(".".join(vertex), "depends on itself")
    if len(path) > MAX_CHAIN:
        raise CodecError(".".join(vertex), f"is the end of a chain of over {MAX_CHAIN} dependencies")
    if vertex not in lengths:
        through = (*path, vertex)
        following = [_length(each, edges, lengths, through) for each in edges.get(vertex, ())]
        lengths[vertex] = 1 + max(following, default=-1)
    if len(path) + lengths[vertex] > MAX_CHAIN:
        raise CodecError(".".join(vertex), f"is within a chain of over {MAX_CHAIN} dependencies")
    return lengths[vertex]
