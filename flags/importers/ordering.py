"""Parts of a document in an order in which whatever is needed comes first. Pure."""

from collections.abc import Callable

from flags.importers.reading import Object
from pointsman.core.model import Json


def ordered(parts: Object, needs: Callable[[Json], list[str]]) -> list[str]:
    """Every name, after what it needs unless that goes in a circle. No recursion: chains may be long."""
    order: dict[str, None] = {}
    for name in parts:
        waiting: list[tuple[str, bool]] = [(name, False)]
        entered: set[str] = set()
        while waiting:
            at, after = waiting.pop()
            if after:
                order[at] = None
            elif at not in order and at not in entered:
                entered.add(at)
                waiting.append((at, True))
                waiting += [(each, False) for each in needs(parts[at]) if each in parts]
    return list(order)
