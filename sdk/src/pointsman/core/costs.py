"""What a flag's conditions may cost: so much that an evaluation takes about a tenth of a second at worst.

One unit is about 20 microseconds at worst. A pattern costs as many as its program has instructions, for RE2
may visit each at each character (regexes.py); at least LEAST_PATTERN, which is what building its states
takes. Text to be contained costs half its length, for Python tries up to a hundred of its characters at each
place. An evaluation asks the same of the same attribute once, so it is counted once.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

from pointsman.core.model import AllOf, AnyOf, Condition, Node, Not, Operator, Scalar
from pointsman.core.regexes import pattern_of

MAX_NODES: Final = 5_000
"""Conditions and groups of one flag with what it keeps: making its function takes a second and more there."""
MAX_COST: Final = 5_000
"""Of one flag with what it keeps, or of one segment."""
MAX_SEGMENTS_COST: Final = 10_000
"""Of all segments of a ruleset together, for one flag may ask all of them."""
LEAST_PATTERN: Final = 100
_MOST_CONTAINED: Final = 50

Search: TypeAlias = tuple[str, Operator, Scalar]
"""Attribute, operator, and the one value."""


def searches_of(nodes: Iterable[Node]) -> set[Search]:
    """What these trees look for in texts, each once."""
    return _surveyed(nodes)[0]


def cost_of(searches: Iterable[Search]) -> int:
    """What these cost together; a pattern that cannot be read counts LEAST_PATTERN.

    Once the least they could cost is over MAX_COST, that: no pattern is compiled to know more.
    """
    every = tuple(searches)
    least = sum(map(_least, every))
    return least if least > MAX_COST else sum(map(_cost, every))


def problem_of(nodes: Iterable[Node]) -> str | None:
    """Why one flag or segment of these trees is refused, and the fix; None: it is cheap enough."""
    searches, count = _surveyed(nodes)
    if count > MAX_NODES:
        return f"there are {count} conditions and groups, at most {MAX_NODES} are allowed; use in or segments"
    cost = cost_of(searches) if searches else 0
    return _problem("its", cost, MAX_COST) if cost > MAX_COST else None


def segments_problem(segments: Iterable[Iterable[Node]]) -> str | None:
    """Why segments of these conditions are refused together, and the fix; None: they are cheap enough."""
    cost = sum(cost_of(found) for each in segments if (found := searches_of(each)))
    return _problem("all segments' together,", cost, MAX_SEGMENTS_COST) if cost > MAX_SEGMENTS_COST else None


def _surveyed(nodes: Iterable[Node]) -> tuple[set[Search], int]:
    found: set[Search] = set()
    waiting = list(nodes)
    count = 0
    while waiting:
        node = waiting.pop()
        count += 1
        if type(node) is Condition:
            # By identity: an enum's hash is slow, and every condition of a ruleset passes here.
            if node.operator is Operator.TEXT_MATCHES or node.operator is Operator.TEXT_CONTAINS:
                found.update((node.attribute, node.operator, value) for value in node.values[:1])
        elif isinstance(node, AllOf | AnyOf):
            waiting.extend(node.nodes)
        elif isinstance(node, Not):
            waiting.append(node.node)
    return found, count


def _problem(whose: str, cost: int, most: int) -> str:
    return (
        f"{whose} text_matches and text_contains cost {cost} units, at most {most} are allowed, so that "
        "evaluating stays quick; use fewer or smaller patterns, or text_starts, text_ends or in"
    )


def _least(search: Search) -> int:
    return LEAST_PATTERN if search[1] is Operator.TEXT_MATCHES else _cost(search)


def _cost(search: Search) -> int:
    _, operator, value = search
    text = str(value)
    if operator is Operator.TEXT_CONTAINS:
        return min(2 + len(text) // 2, _MOST_CONTAINED)
    try:
        return max(pattern_of(text).size, LEAST_PATTERN)
    except ValueError:
        return LEAST_PATTERN
