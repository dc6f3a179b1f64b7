"""What a flag asks of other flags, as GrowthBook's prerequisites, which ask for the value a feature has."""

from collections.abc import Iterable, Iterator, Sequence

from flags.exporters.model import LeftOut, Object
from flags.references import every_node, flags_in, nodes_of
from pointsman.core.model import AllOf, Flag, Json, Node, Not, Ruleset, Serves

Parent = tuple[Serves, bool]
"""A question and whether its answer shall be yes."""


def flags_asked(flag: Flag) -> frozenset[str]:
    """The flags whose answer this one's depends on."""
    return frozenset(flags_in(every_node(nodes_of(flag.rules, flag.requires))))


def unmet_rules(ruleset: Ruleset, flag: Flag) -> Iterator[Object]:
    """Rules that serve the off variant while one of the prerequisites is unmet; they come first."""
    for number, needed in enumerate(flag.requires, 1):
        yield {
            "id": f"needs-{number}",
            "parentConditions": [_condition(ruleset, needed, wanted=False)],
            "force": flag.variants[flag.off],
        }


def split_parents(nodes: Iterable[Node]) -> tuple[tuple[Parent, ...], tuple[Node, ...]]:
    """Questions about other flags, and all other conditions, that must hold together."""
    parents: list[Parent] = []
    others: list[Node] = []
    for node in nodes:
        match node:
            case Serves():
                parents.append((node, True))
            case Not(node=Serves() as asked):
                parents.append((asked, False))
            case AllOf():
                inner, rest = split_parents(node.nodes)
                parents += inner
                others += rest
            case _:
                others.append(node)
    return tuple(parents), tuple(others)


def parent_conditions(ruleset: Ruleset, parents: Sequence[Parent]) -> list[Json]:
    """As a rule lists them. LeftOut: values do not tell the variants apart."""
    return [_condition(ruleset, asked, wanted=wanted) for asked, wanted in parents]


def _condition(ruleset: Ruleset, asked: Serves, *, wanted: bool) -> Json:
    parent = ruleset.flags[asked.flag]
    met = [value for name, value in parent.variants.items() if name in asked.variants]
    others = [value for name, value in parent.variants.items() if name not in asked.variants]
    kinds = {type(value) for value in parent.variants.values()}
    plain = kinds <= {int, float} or kinds in ({bool}, {str})
    if not plain:
        raise LeftOut(f"asks what {asked.flag!r} serves, whose values GrowthBook cannot compare")
    if any(value in others for value in met):
        raise LeftOut(f"asks what {asked.flag!r} serves, two of whose variants have the same value")
    return {"id": asked.flag, "condition": {"value": {"$in" if wanted else "$nin": met}}}
