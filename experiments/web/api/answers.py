"""What the experiments' API gives out, described for the schema; `view_to_json` and `to_json` make it."""

from datetime import datetime

from pydantic import BaseModel, JsonValue

from experiments.model import Status


class ExperimentOut(BaseModel):
    """An experiment as it stands."""

    project: str
    environment: str
    key: str
    name: str
    flag: str
    flag_rule: str
    control: str
    unit_type: str
    hypothesis: str
    brief: dict[str, str]
    metrics: list[dict[str, JsonValue]]
    decision_rule: dict[str, JsonValue]
    plan: dict[str, JsonValue] | None
    outcome: dict[str, JsonValue] | None
    status: Status
    version: int
    created_at: datetime
    started_at: datetime | None
    stopped_at: datetime | None
    decided_at: datetime | None


class ExperimentsOut(BaseModel):
    """An environment's experiments, the newest first."""

    experiments: list[ExperimentOut]


class ReportOut(BaseModel):
    """A report: numbers are null where they cannot be estimated, beside the reason."""

    format: int
    title: str
    unit: str
    control: str
    units: dict[str, int]
    planned: dict[str, float]
    expected: dict[str, JsonValue]
    alpha: float
    verdict: dict[str, JsonValue]
    srm: dict[str, JsonValue]
    exclusions: dict[str, int]
    metrics: dict[str, dict[str, dict[str, JsonValue]]]
    sentences: dict[str, dict[str, str]]
    definitions: dict[str, dict[str, JsonValue]]
    rule: dict[str, JsonValue]
    window: dict[str, datetime] | None
    generated_at: datetime
    refreshing: bool


class RequestedOut(BaseModel):
    """The report is asked for."""

    refreshing: bool
