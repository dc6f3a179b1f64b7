"""What the admin API takes in: pydantic models that refuse unknown fields, and their way to drafts."""

from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    StrictBool,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)

from flags import limits
from flags.model import FlagEdit, KeyKind, NewFlag, RuleDraft, Targeting
from flags.weights import buckets_of_percent
from pointsman.core.model import Condition, Kind, Operator, Scalar
from runtime.errors import Invalid


def _scalar(value: object) -> Scalar:
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError("must be text, a number, true or false")


ScalarIn = Annotated[
    Scalar,
    PlainValidator(_scalar),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}),
]
Version = Annotated[
    StrictInt,
    Field(ge=0, le=limits.MOST_ROWS, description="The version you saw; 409 if it is another now"),
]
Reason = Annotated[StrictStr, Field(description="Why, for the history")]


class Body(BaseModel):
    """Root of all bodies."""

    model_config = ConfigDict(extra="forbid")


class ProjectIn(Body):
    """A project to be."""

    key: StrictStr
    name: StrictStr = ""
    description: StrictStr = ""


class EnvironmentIn(Body):
    """An environment to be."""

    key: StrictStr
    name: StrictStr = ""


class FlagIn(Body):
    """A flag to be; ``off`` and ``default`` mean the first variant if left out."""

    key: StrictStr
    kind: Kind
    variants: dict[StrictStr, JsonValue] = Field(description="Payloads by variant")
    name: StrictStr = ""
    description: StrictStr = ""
    off: StrictStr = ""
    default: StrictStr = ""
    reason: Reason = ""

    def draft(self) -> NewFlag:
        """The draft the service takes."""
        return NewFlag(
            key=self.key,
            kind=self.kind,
            variants=self.variants,
            name=self.name,
            description=self.description,
            off=self.off,
            default=self.default,
        )


class FlagEditIn(Body):
    """New values for a flag; what is left out stays."""

    expected_version: Version
    name: StrictStr | None = None
    description: StrictStr | None = None
    variants: dict[StrictStr, JsonValue] | None = None
    reason: Reason = ""

    def draft(self) -> FlagEdit:
        """The draft the service takes."""
        return FlagEdit(name=self.name, description=self.description, variants=self.variants)


class VersionIn(Body):
    """A change that needs no values."""

    expected_version: Version
    reason: Reason = ""


class EnabledIn(VersionIn):
    """The kill switch."""

    enabled: StrictBool


class ConditionIn(Body):
    """``attribute operator values``; one value for every operator but in and not_in."""

    attribute: StrictStr
    operator: Operator
    values: list[ScalarIn]


class RuleIn(Body):
    """A rule; either ``weights`` in buckets (sum 100,000) or ``percent`` (sum 100, three decimals)."""

    id: StrictStr = Field(
        "", description="A stored rule's id keeps its units where they are; empty: a new rule"
    )
    conditions: list[ConditionIn] = Field(default_factory=list)
    weights: dict[StrictStr, StrictInt] | None = None
    percent: dict[StrictStr, float] | None = None


class TargetingIn(Body):
    """Whom a flag serves what in one environment, whole."""

    rules: list[RuleIn]
    default: StrictStr
    off: StrictStr

    def draft(self) -> Targeting:
        """The draft the service takes. Invalid: weights and percent both or neither, no whole buckets."""
        rules = tuple(_rule(rule, f"rules.{index}") for index, rule in enumerate(self.rules))
        return Targeting(rules=rules, default=self.default, off=self.off)


class TargetingChangeIn(TargetingIn):
    """Targeting to be stored."""

    expected_version: Version
    reason: Reason = ""


class SdkKeyIn(Body):
    """A key to be."""

    name: StrictStr = Field(description="Who will use it")
    kind: KeyKind = Field(KeyKind.SERVER, description="server: the whole ruleset; client: evaluations only")


def _rule(rule: RuleIn, field: str) -> RuleDraft:
    if rule.weights is not None and rule.percent is not None:
        raise Invalid(f"{field}.percent", "give weights or percent, not both")
    if rule.weights is not None:
        weights = rule.weights
    elif rule.percent is not None:
        weights = buckets_of_percent(rule.percent, f"{field}.percent")
    else:
        raise Invalid(f"{field}.weights", "is needed: buckets by variant (or percent)")
    conditions = tuple(
        Condition(attribute=each.attribute, operator=each.operator, values=tuple(each.values))
        for each in rule.conditions
    )
    return RuleDraft(id=rule.id, conditions=conditions, weights=weights)
