"""What the experiments' API takes in: models that refuse unknown fields, and their way to values."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from experiments.metrics import Direction, Metric, MetricKind, PerUnit
from experiments.model import Brief, Design, Outcome
from experiments.report import Decision
from experiments.rule import DecisionRule, Guardrail, Method
from flags.limits import MOST_ROWS
from runtime.errors import Invalid

Version = Annotated[
    StrictInt, Field(ge=0, le=MOST_ROWS, description="The version you saw; 409 if it is another now")
]


class Body(BaseModel):
    """Root of all bodies."""

    model_config = ConfigDict(extra="forbid")


class NothingIn(Body):
    """A request that needs no values."""


class MetricIn(Body):
    """A metric; ``outcome`` is the key if left out, ``per_unit`` any for a proportion, sum for a mean."""

    key: StrictStr
    kind: MetricKind
    outcome: StrictStr = ""
    per_unit: PerUnit | None = None
    direction: Direction = Direction.INCREASE
    unit: StrictStr = ""

    def value(self, field: str) -> Metric:
        """The metric. Invalid: a kind and a way per unit that do not go together."""
        usual = PerUnit.ANY if self.kind is MetricKind.PROPORTION else PerUnit.SUM
        try:
            return Metric(
                key=self.key,
                kind=self.kind,
                outcome=self.outcome or self.key,
                per_unit=self.per_unit or usual,
                direction=self.direction,
                unit=self.unit,
            )
        except ValueError as error:
            raise Invalid(f"{field}.per_unit", str(error)) from None


class GuardrailIn(Body):
    """A metric that must not worsen by more than ``margin``; a share of control's mean if ``relative``."""

    metric: StrictStr
    margin: Annotated[float, Field(ge=0, lt=1e12)]
    relative: StrictBool = True


class DecisionRuleIn(Body):
    """What result means what; recorded at the start."""

    primary: StrictStr
    guardrails: list[GuardrailIn] = Field(default_factory=list, max_length=50)
    alpha: Annotated[float, Field(ge=1e-9, lt=1)] = 0.05
    minimum_units: Annotated[StrictInt, Field(ge=0, le=MOST_ROWS)] = 100
    method: Method = Method.ALWAYS_VALID
    tuned_for: Annotated[StrictInt, Field(ge=1, le=MOST_ROWS)] = 5_000

    def value(self) -> DecisionRule:
        """The rule. Invalid: a metric that is primary and guardrail, or guardrail twice."""
        guardrails = tuple(
            Guardrail(metric=each.metric, margin=each.margin, relative=each.relative)
            for each in self.guardrails
        )
        try:
            return DecisionRule(
                primary=self.primary,
                guardrails=guardrails,
                alpha=self.alpha,
                minimum_units=self.minimum_units,
                method=self.method,
                tuned_for=self.tuned_for,
            )
        except ValueError as error:
            raise Invalid("decision_rule.guardrails", str(error)) from None


class BriefIn(Body):
    """Answered before the start."""

    decision: StrictStr = ""
    owner: StrictStr = ""
    ships_when: StrictStr = ""


class DesignIn(Body):
    """An experiment's design, whole."""

    name: StrictStr
    flag: StrictStr
    control: StrictStr
    metrics: list[MetricIn] = Field(max_length=50)
    decision_rule: DecisionRuleIn
    hypothesis: StrictStr = ""
    brief: BriefIn = Field(default_factory=BriefIn)
    unit_type: StrictStr = "user"
    flag_rule: StrictStr = ""

    def design(self) -> Design:
        """The design the service takes."""
        return Design(
            name=self.name,
            flag=self.flag,
            control=self.control,
            metrics=tuple(each.value(f"metrics.{index}") for index, each in enumerate(self.metrics)),
            decision_rule=self.decision_rule.value(),
            hypothesis=self.hypothesis,
            brief=Brief(**self.brief.model_dump()),
            unit_type=self.unit_type,
            flag_rule=self.flag_rule,
        )


class ExperimentIn(DesignIn):
    """An experiment to be."""

    key: StrictStr


class EditIn(DesignIn):
    """A draft's new design."""

    expected_version: Version


class StepIn(Body):
    """A step that needs no values."""

    expected_version: Version


class OutcomeIn(StepIn):
    """What was decided."""

    decision: Decision
    variant: StrictStr | None = None
    note: StrictStr = ""

    def outcome(self) -> Outcome:
        """The outcome the service takes."""
        return Outcome(decision=self.decision, variant=self.variant, note=self.note)
