"""An experiment as values: what people write into it, and how it stands. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from experiments.metrics import Metric
from experiments.report import Decision, Report
from experiments.rule import DecisionRule
from flags.earlier import EarlierSplit
from pointsman.core.model import Split


class Status(StrEnum):
    """Where an experiment is in its life; it only ever goes forward."""

    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class ExperimentAt:
    """One experiment, by keys; its key is unique in its environment."""

    project: str
    environment: str
    experiment: str

    @property
    def path(self) -> str:
        """The audit log's subject: ``demo/prod/experiments/better-digits``."""
        return f"{self.project}/{self.environment}/experiments/{self.experiment}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """Why the experiment is made, answered before it starts: most models fail for want of these three."""

    decision: str = ""
    """What will be decided with the result."""
    owner: str = ""
    """Who will decide it."""
    ships_when: str = ""
    """What result means "ship", in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What people write: free to change while it is a draft, fixed from the start on."""

    name: str
    flag: str
    control: str
    """The variant that the others are compared with, usually the champion."""
    metrics: tuple[Metric, ...]
    decision_rule: DecisionRule
    hypothesis: str = ""
    brief: Brief = Brief()
    unit_type: str = "user"
    flag_rule: str = ""
    """Id of the flag's rule whose units take part; empty: the first rule that splits, chosen at start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was fixed at the start, beside the design."""

    flag_rule: str
    salt: str
    weights: Mapping[str, int]
    """The planned split: buckets of 100,000 by variant."""
    ranges: Split = ()
    """Where those buckets lie; empty in plans of versions that did not write it down."""
    earlier: EarlierSplit | None = None
    """On a sticky flag, the split that drew some of the rule's units before. ADR 8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a person decided in the end, and why; the verdict of the report is only advice."""

    decision: Decision
    variant: str | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentView:
    """One experiment as it stands. ``version`` counts its changes."""

    id: int
    at: ExperimentAt
    design: Design
    status: Status
    version: int
    created_at: datetime
    plan: Plan | None = None
    """None while it is a draft."""
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    decided_at: datetime | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """The latest report of an experiment."""

    report: Report
    svg: str
    """The forest plot, ready to stand in a page."""
    computed_at: datetime
    refreshing: bool
    """True: a newer one was asked for and is not computed yet."""
