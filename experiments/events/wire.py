"""What an event batch may look like. Everything a program sends passes here before it is stored. PURE."""

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    field_validator,
)

MOST_EVENTS: Final = 1_000
LONGEST_JSON: Final = 16_384
MOST_VARIANTS: Final = 20

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Token = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Moment = Annotated[int, Field(ge=0, lt=2**63)]
"""Microseconds since 1970-01-01 UTC."""
Evaluations = Annotated[int, Field(ge=1, lt=2**53)]
Amount = Annotated[float, Field(ge=0)]


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    at_us: Moment
    unit: Text


class Exposure(_Event):
    """A unit met a variant."""

    type: Literal["exposure"]
    flag: Name
    variant: Name
    rule: Name | None = None
    revision: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    context: dict[str, Any] | None = None


class Outcome(_Event):
    """Something measured for a unit."""

    type: Literal["outcome"]
    name: Text
    value: float = 1.0
    prediction: Text | None = None

    @field_validator("value", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        # True and False are natural values of a proportion.
        return float(value) if isinstance(value, bool | int) and abs(value) < 2**63 else value


class Prediction(_Event):
    """One call of a model."""

    type: Literal["prediction"]
    id: Text
    flag: Name
    variant: Name
    latency_s: Amount | None = None
    error: Annotated[str, StringConstraints(max_length=500)] | None = None
    cost: Amount | None = None
    output: Any = None


Event = Annotated[Exposure | Outcome | Prediction, Field(discriminator="type")]


class Envelope(BaseModel):
    """A batch, its events not yet looked at."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    batch: Token
    events: Annotated[list[Any], Field(max_length=MOST_EVENTS)]
    sdk: Words | None = None
    instance: Token | None = None
    device: Words | None = None
    """What the sending process calls the machine it runs on."""
    revision: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    """Of the ruleset it evaluates by now."""
    dropped: Annotated[dict[Words, Annotated[int, Field(ge=0, lt=2**63)]], Field(max_length=32)] = Field(
        default_factory=dict
    )
    evaluations: Annotated[
        dict[Name, Annotated[dict[Name, Evaluations], Field(min_length=1, max_length=MOST_VARIANTS)]],
        Field(max_length=MOST_EVENTS),
    ] = Field(default_factory=dict)
    """By flag and variant, how often it was chosen since this instance last told."""


ENVELOPE: Final = TypeAdapter(Envelope)
EVENT: Final[TypeAdapter[Exposure | Outcome | Prediction]] = TypeAdapter(Event)
EVENTS: Final[TypeAdapter[list[Exposure | Outcome | Prediction]]] = TypeAdapter(list[Event])
