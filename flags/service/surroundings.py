"""What a command needs to know of a flag's environment: what its rules may refer to, and room in layers."""

from collections.abc import Iterable, Mapping

from sqlalchemy.orm import Session

from flags.gates import free_buckets, width
from flags.model import EnvironmentView, FlagAt, FlagState, RuleDraft
from flags.ranging import Room
from flags.references import every_node, flags_in, layers_in, nodes_of, segments_in
from flags.storage import flags, layers, places, segments, states
from flags.validation import refuse
from flags.world import EMPTY, World, check_needs, check_references
from pointsman.core.model import GateKind, Node, Rule, Span
from runtime.errors import Invalid


def world_of(session: Session, at: EnvironmentView, nodes: Iterable[Node]) -> World:
    """As much of the environment as these nodes refer to; nothing is read where they refer to nothing."""
    every = list(every_node(nodes))
    asked, contained = flags_in(every), segments_in(every)
    if not asked and not contained:
        return EMPTY
    here = segments.segments(session, at) if contained else ()
    return World(
        segments=frozenset(each.key for each in here),
        nested={each.key: segments_in(every_node(each.conditions)) for each in here},
        variants=flags.variants_of(session, at.project, asked) if asked else {},
        needs={
            key: flags_in(nodes_of(state.rules, state.requires))
            for key, state in (states.with_references(session, at.id, "flag") if asked else {}).items()
        },
    )


def rooms_of(
    session: Session, at: EnvironmentView, flag: str, drafts: Iterable[RuleDraft]
) -> dict[str, Room]:
    """The environment's layers with what other flags have taken; nothing is read where no draft asks."""
    if not any(draft.layer for draft in drafts):
        return {each.key: Room(seed=each.seed) for each in layers.layers(session, at)}
    taken = taken_in_layers(
        {key: state.rules for key, state in states.with_references(session, at.id, "layer").items()}, flag
    )
    return {
        each.key: Room(seed=each.seed, taken=taken.get(each.key, ())) for each in layers.layers(session, at)
    }


def refuse_stranded(session: Session, at: FlagAt, state: FlagState) -> None:
    """Invalid: the state refers to what is no longer there, or to room in a layer that others have by now."""
    environment = places.environment(session, at.project, at.environment)
    assert environment is not None  # noqa: S101  (the state was found there)
    nodes = list(nodes_of(state.rules, state.requires))
    world = world_of(session, environment, nodes)
    refuse(check_references(nodes, world, "rules"))
    refuse(check_needs(at.flag, nodes, world))
    if not layers_in(state.rules):
        return
    others = states.with_references(session, environment.id, "layer").items()
    taken = taken_in_layers({key: each.rules for key, each in others}, at.flag)
    own = taken_in_layers({at.flag: state.rules}, "")
    for layer, spans in own.items():
        if free_buckets([*spans, *taken.get(layer, ())]) + width(spans) != free_buckets(taken.get(layer, ())):
            raise Invalid("rules", f"other flags have its room in layer {layer!r} by now; take it out first")


def taken_in_layers(rules: Mapping[str, tuple[Rule, ...]], but: str) -> dict[str, tuple[Span, ...]]:
    """Spans by layer that all flags (by key) but one have taken."""
    found: dict[str, tuple[Span, ...]] = {}
    for key, each in rules.items():
        if key != but:
            for rule in each:
                for gate in rule.gates:
                    if gate.kind is GateKind.LAYER:
                        found[gate.name] = (*found.get(gate.name, ()), *gate.spans)
    return found
