"""An experiment as JSON, for the API and for conflicts. PURE."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from experiments.codec import metric_to_json, plan_to_json, rule_to_json
from experiments.model import ExperimentView


def view_to_json(view: ExperimentView) -> dict[str, Any]:
    """Everything people see of an experiment, as plain JSON values."""
    design = view.design
    return {
        "project": view.at.project,
        "environment": view.at.environment,
        "key": view.at.experiment,
        "name": design.name,
        "flag": design.flag,
        "flag_rule": design.flag_rule,
        "control": design.control,
        "unit_type": design.unit_type,
        "hypothesis": design.hypothesis,
        "brief": asdict(design.brief),
        "metrics": [metric_to_json(metric) for metric in design.metrics],
        "decision_rule": rule_to_json(design.decision_rule),
        "plan": None if view.plan is None else plan_to_json(view.plan),
        "outcome": None if view.outcome is None else asdict(view.outcome),
        "status": view.status,
        "version": view.version,
        "created_at": view.created_at.isoformat(),
        "started_at": _moment(view.started_at),
        "stopped_at": _moment(view.stopped_at),
        "decided_at": _moment(view.decided_at),
    }


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
