"""Conditions with known answers taken out: a term is a node, or plainly true or false. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from flags import limits
from pointsman.core.model import AllOf, AnyOf, Condition, Node, Not, Operator, Scalar

Term: TypeAlias = "Node | bool"


def every(terms: Iterable[Term]) -> Term:
    """All of the terms hold."""
    nodes: list[Node] = []
    for term in terms:
        if term is False:
            return False
        if isinstance(term, AllOf):
            nodes.extend(term.nodes)
        elif not isinstance(term, bool):
            nodes.append(term)
    if not nodes:
        return True
    return nodes[0] if len(nodes) == 1 else AllOf(tuple(nodes))


def some(terms: Iterable[Term]) -> Term:
    """At least one of the terms holds."""
    nodes: list[Node] = []
    for term in terms:
        if term is True:
            return True
        if isinstance(term, AnyOf):
            nodes.extend(term.nodes)
        elif not isinstance(term, bool):
            nodes.append(term)
    if not nodes:
        return False
    return nodes[0] if len(nodes) == 1 else AnyOf(tuple(nodes))


def negated(term: Term) -> Term:
    """The term does not hold, whatever the reason."""
    if isinstance(term, bool):
        return not term
    return term.node if isinstance(term, Not) else Not(term)


def conditions_of(term: Term) -> tuple[Node, ...] | None:
    """The term as a rule's conditions; None: it never holds."""
    if isinstance(term, bool):
        return () if term else None
    return term.nodes if isinstance(term, AllOf) else (term,)


def is_(attribute: str, operator: Operator, *values: Scalar) -> Condition:
    """One condition."""
    return Condition(attribute=attribute, operator=operator, values=values)


def exists(attribute: str) -> Condition:
    """The attribute is there and not null."""
    return is_(attribute, Operator.EXISTS, True)


def missing(attribute: str) -> Condition:
    """The attribute is not there, or null."""
    return is_(attribute, Operator.EXISTS, False)


def is_text(attribute: str) -> Condition:
    """The attribute is text."""
    return is_(attribute, Operator.TEXT_STARTS, "")


_MOST: Final = limits.VALUES_PER_CONDITION


def one_of(attribute: str, values: Sequence[Scalar], operator: Operator = Operator.IN) -> Term:
    """The attribute is one of the values (or, for LIST_ANY, holds one of them)."""
    unique = list(dict.fromkeys((type(value) is bool, value) for value in values))
    plain = [value for _, value in unique]
    if len(plain) == 1 and operator is Operator.IN:
        return is_(attribute, Operator.EQUALS, plain[0])
    groups = [plain[at : at + _MOST] for at in range(0, len(plain), _MOST)]
    return some(is_(attribute, operator, *group) for group in groups)
