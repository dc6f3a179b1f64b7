"""Condition trees as the admin API takes them in: one pydantic model for each shape of a node."""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    StrictStr,
    Tag,
    WithJsonSchema,
)

from pointsman.core.model import AllOf, AnyOf, Condition, InSegment, Node, Not, Operator, Scalar, Serves

_SHAPES = ("attribute", "all", "any", "not", "segment", "flag")
# Tags stand in the paths of errors, where nobody needs them: `refuse_model` leaves out what begins so.
TAG = "~"


def _scalar(value: object) -> Scalar:
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError("must be text, a number, true or false")


ScalarIn = Annotated[
    Scalar,
    PlainValidator(_scalar),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}),
]


class _NodeBody(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ConditionIn(_NodeBody):
    """``attribute operator values``; one value for most operators."""

    attribute: StrictStr
    operator: Operator
    values: list[ScalarIn]

    def node(self) -> Node:
        """The node this stands for."""
        return Condition(attribute=self.attribute, operator=self.operator, values=tuple(self.values))


class AllIn(_NodeBody):
    """Every node holds."""

    all: "list[NodeIn]"

    def node(self) -> Node:
        """The node this stands for."""
        return AllOf(nodes_of(self.all))


class AnyIn(_NodeBody):
    """At least one node holds."""

    any: "list[NodeIn]"

    def node(self) -> Node:
        """The node this stands for."""
        return AnyOf(nodes_of(self.any))


class NotIn(_NodeBody):
    """The node does not hold."""

    negated: "NodeIn" = Field(alias="not")

    def node(self) -> Node:
        """The node this stands for."""
        return Not(self.negated.node())


class SegmentNodeIn(_NodeBody):
    """The unit is in a segment."""

    segment: StrictStr

    def node(self) -> Node:
        """The node this stands for."""
        return InSegment(self.segment)


class ServesIn(_NodeBody):
    """Another flag serves one of these variants."""

    flag: StrictStr
    serves: list[StrictStr]

    def node(self) -> Serves:
        """The node this stands for."""
        return Serves(self.flag, tuple(self.serves))


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return TAG + next((name for name in _SHAPES if name in value), "attribute")
    return f"{TAG}attribute"


NodeIn = Annotated[
    Annotated[ConditionIn, Tag("~attribute")]
    | Annotated[AllIn, Tag("~all")]
    | Annotated[AnyIn, Tag("~any")]
    | Annotated[NotIn, Tag("~not")]
    | Annotated[SegmentNodeIn, Tag("~segment")]
    | Annotated[ServesIn, Tag("~flag")],
    Discriminator(_shape),
]

for model in (AllIn, AnyIn, NotIn):
    model.model_rebuild()


def nodes_of(bodies: list[NodeIn]) -> tuple[Node, ...]:
    """The nodes these bodies stand for."""
    return tuple(body.node() for body in bodies)
