"""A layer as people see it: who has room in it and what is free. Pure."""

from collections.abc import Mapping

from flags.gates import free_buckets, width
from flags.model import EnvironmentView, LayerUse, LayerView
from pointsman.core.model import GateKind, Rule


def layer_view(
    at: EnvironmentView, layer_id: int, key: str, name: str, seed: str, using: Mapping[str, tuple[Rule, ...]]
) -> LayerView:
    """The layer with its users among these flags' rules, by the flag's key."""
    gates = [
        (flag, rule.id, gate)
        for flag, rules in sorted(using.items())
        for rule in rules
        for gate in rule.gates
        if gate.kind is GateKind.LAYER and gate.name == key
    ]
    return LayerView(
        id=layer_id,
        project=at.project,
        environment=at.key,
        key=key,
        name=name,
        seed=seed,
        free=free_buckets(span for _, _, gate in gates for span in gate.spans),
        users=tuple(LayerUse(flag=flag, rule=rule, share=width(gate.spans)) for flag, rule, gate in gates),
    )
