"""An import as a ruleset in memory, through the same steps that store it, and the comparison of answers."""

from collections.abc import Callable, Iterable, Mapping

from flags.importers.model import Import
from flags.ranging import Draw
from flags.targeting import ranged
from flags.validation import check_served, check_targeting, check_variants
from flags.world import World
from pointsman.core.evaluation import Evaluation
from pointsman.core.model import Flag, Json, Ruleset, Segment
from pointsman.core.unit_sets import UnitSet, digest_of, hash_of_unit, read_units, write_hashes

Context = Mapping[str, object]


def evaluation_of(found: Import, now: Callable[[], float] | None = None) -> Evaluation:
    """The evaluation of the imported flags; fails if the service would refuse one."""
    units: dict[str, UnitSet] = {}
    segments = {
        each.key: Segment(
            key=each.key,
            conditions=each.conditions,
            included=_unit_set(each.included or (), units),
            excluded=_unit_set(each.excluded or (), units),
        )
        for each in found.segments
    }
    world = World(
        segments=frozenset(segments), variants={each.key: frozenset(each.variants) for each in found.flags}
    )
    flags: dict[str, Flag] = {}
    for each in found.flags:
        problems = [
            *check_variants(each.kind, each.variants),
            *check_targeting(each.targeting, each.key, each.variants, world),
        ]
        rules, _ = ranged(each.targeting, (), 1, Draw(salt=f"demo/{each.key}"), {})
        flag = Flag(
            key=each.key,
            kind=each.kind,
            salt=f"demo/{each.key}",
            enabled=each.enabled,
            version=1,
            variants=each.variants,
            off=each.off,
            default=each.default,
            rules=rules,
            requires=each.requires,
            overrides=dict(each.overrides),
        )
        assert not [*problems, *check_served(flag)]
        flags[each.key] = flag
    ruleset = Ruleset(project="demo", environment="prod", revision=1, flags=flags, segments=segments)
    return Evaluation(ruleset, units, now=now)


def moved(
    evaluation: Evaluation,
    flag: str,
    theirs: Callable[[str, Context], Json],
    units: Iterable[tuple[str, Context]],
    *,
    varied: bool = True,
    named: bool = False,
) -> list[tuple[str, Context, Json, Json]]:
    """Units to whom the imported flag serves another value than the vendor: theirs, then ours.

    ``named``: compare the variants' names.
    """
    found = []
    seen = set()
    for unit, context in units:
        choice = evaluation.choose(flag, unit, context, "failed")
        expected = theirs(unit, context)
        seen.add(repr(expected))
        served = choice.variant if named else choice.value
        if choice.error is not None or _differ(served, expected):
            found.append((unit, context, expected, served))
    assert not varied or len(seen) > 1, "every unit gets the same: nothing is proven"
    return found


def _differ(ours: object, theirs: object) -> bool:
    return ours != theirs or isinstance(ours, bool) is not isinstance(theirs, bool)


def _unit_set(units: tuple[str, ...], sets: dict[str, UnitSet]) -> tuple[str, ...]:
    if not units:
        return ()
    body = write_hashes("salt", {hash_of_unit("salt", unit) for unit in units})
    sets[digest_of(body)] = read_units(body)
    return (digest_of(body),)
