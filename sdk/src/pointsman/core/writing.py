"""Trees of conditions, gates and windows as Python source: the parts that flags and segments share."""

from typing import Any

from pointsman.core.attributes import finder_of
from pointsman.core.conditions import is_scalar, source_of
from pointsman.core.draws import Drawn, drawn, edges_of
from pointsman.core.model import (
    AllOf,
    AnyOf,
    Condition,
    Gate,
    Hashing,
    InSegment,
    Node,
    Not,
    Operator,
    Serves,
    Window,
)
from pointsman.core.predicates import Predicate, predicate_of
from pointsman.core.references import leaves
from pointsman.core.scope import Scope


class Body:
    """A function in the making: its lines, and the constants they name.

    In the source, attribute N is ``vN`` as it came, ``aN`` as ``plain`` leaves it and ``tN`` that one's type;
    ``pN`` is what a predicate read of one, UNREAD until the first condition asks.
    """

    def __init__(self, scope: Scope) -> None:
        self.lines: list[str] = []
        self.constants: list[Any] = []
        self._scope = scope
        self._plain: dict[str, int] = {}
        self._raw: dict[str, int] = {}
        self._read: dict[tuple[str, object], str] = {}
        self._predicates: dict[int, Predicate] = {}

    def line(self, indent: int, text: str) -> None:
        """Write one line."""
        self.lines.append(" " * indent + text)

    def keep(self, constant: object) -> str:
        """Keep a constant; its name in the source."""
        self.constants.append(constant)
        return f"k{len(self.constants) - 1}"

    def fetch(self, nodes: tuple[Node, ...]) -> None:
        """Write the lines that look up every attribute of these trees."""
        for leaf in leaves(nodes):
            if isinstance(leaf, Condition):
                if is_scalar(leaf.operator):
                    self._fetch_plain(leaf.attribute)
                else:
                    self.fetch_raw(leaf.attribute)
                    self._begin(leaf)

    def fetch_raw(self, attribute: str) -> str:
        """Write the line that looks the attribute up as it came; the local that holds it."""
        if attribute not in self._raw:
            local = self._raw[attribute] = len(self._raw)
            self.line(2, f"v{local} = {self._found(attribute)}")
        return f"v{self._raw[attribute]}"

    def expression(self, node: Node) -> str:
        """A Python expression, true when the node holds. Its attributes are fetched already."""
        match node:
            case Condition():
                if is_scalar(node.operator):
                    return source_of(node, self._plain[node.attribute], self.keep)
                return self._predicate(node)
            case AllOf(nodes):
                return " and ".join(f"({self.expression(each)})" for each in nodes)
            case AnyOf(nodes):
                return " or ".join(f"({self.expression(each)})" for each in nodes)
            case Not(inner):
                return f"not ({self.expression(inner)})"
            case InSegment(segment):
                return f"{self.keep(self._scope.belongs)}({self.keep(segment)}, unit, context, memo)"
            case Serves():
                return self.serves(node)

    def serves(self, asked: Serves) -> str:
        """A Python expression, true when the other flag serves one of the variants."""
        served = f"{self.keep(self._scope.served)}({self.keep(asked.flag)}, unit, context, memo)"
        return f"{served} in {self.keep(frozenset(asked.variants))}"

    def draw(self, hashing: Hashing) -> Drawn:
        """The draw's source; writes the line that fetches its attribute."""
        return drawn(hashing, self.keep, self.fetch_raw)

    def gate(self, gate: Gate) -> str:
        """A Python expression, true when the unit passes; writes the line that fetches its attribute."""
        draw = self.draw(gate.hashing)
        return f"bisect({self.keep(edges_of(gate.spans, draw.edge))}, {draw.source}) & 1"

    def window(self, window: Window) -> str:
        """A Python expression, true within the window."""
        now = self.now()
        start = "" if window.start is None else f"{self.keep(window.start)} <= "
        end = "" if window.end is None else f" < {self.keep(window.end)}"
        return f"{start}{now}{end}"

    def now(self) -> str:
        """A Python expression: Unix seconds."""
        return f"{self.keep(self._scope.instant)}(memo)"

    def held(self, digests: tuple[str, ...]) -> str:
        """A Python expression, true when one of the unit sets holds the unit."""
        asked = [f"{self.keep(self._scope.holds(digest))}(unit)" for digest in digests]
        return " or ".join(asked) or "False"

    def _begin(self, condition: Condition) -> None:
        """Write the line that begins the reading the condition needs, unless another condition did."""
        if condition.operator is Operator.EXISTS:
            return
        predicate = self._predicates[id(condition)] = predicate_of(condition)
        reading = condition.attribute, predicate.way
        if reading not in self._read:
            local = self._read[reading] = f"p{len(self._read)}"
            self.line(2, f"{local} = UNREAD")

    def _predicate(self, condition: Condition) -> str:
        value = f"v{self._raw[condition.attribute]}"
        if condition.operator is Operator.EXISTS:
            return f"{value} is not None" if condition.values[0] else f"{value} is None"
        predicate = self._predicates[id(condition)]
        local = self._read[condition.attribute, predicate.way]
        read = f"({local} if {local} is not UNREAD else ({local} := {self.keep(predicate.read)}({value})))"
        if predicate.asks is None:
            return read
        return f"{read} is not None and {self.keep(predicate.asks)}({local})"

    def _fetch_plain(self, attribute: str) -> None:
        if attribute in self._plain:
            return
        local = self._plain[attribute] = len(self._plain)
        self.line(2, f"a{local} = {self._found(attribute)}")
        self.line(2, f"t{local} = type(a{local})")
        self.line(2, f"if t{local} not in PLAIN: a{local}, t{local} = plain(a{local})")

    def _found(self, attribute: str) -> str:
        if "." in attribute or attribute in self._scope.attributes:
            return f"{self.keep(finder_of(attribute, self._scope.attributes))}(context)"
        return f"context.get({self.keep(attribute)})"
