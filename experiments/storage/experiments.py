"""Experiments in the database: rows in, views out."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from experiments.codec import (
    metric_from_json,
    metric_to_json,
    plan_from_json,
    plan_to_json,
    rule_from_json,
    rule_to_json,
)
from experiments.model import (
    Brief,
    Design,
    ExperimentAt,
    ExperimentView,
    Outcome,
    Status,
)
from experiments.report import Decision
from experiments.storage.tables import ExperimentRow
from flags.limits import is_key
from flags.storage.tables import EnvironmentRow, ProjectRow


def add(
    session: Session, environment_id: int, at: ExperimentAt, design: Design, *, now: datetime
) -> ExperimentView:
    """A new draft, sent to the database at once. IntegrityError: the key is taken."""
    row = ExperimentRow(
        environment_id=environment_id,
        key=at.experiment,
        status=Status.DRAFT,
        version=1,
        created_at=now,
        **_design_columns(design),
    )
    session.add(row)
    session.flush()
    return _view(row, at)


def find(session: Session, at: ExperimentAt) -> ExperimentView | None:
    """One experiment."""
    if not all(map(is_key, (at.project, at.environment, at.experiment))):
        return None
    found = session.execute(_all().where(*_is(at))).first()
    return None if found is None else _view(found[0], at)


def list_of(
    session: Session,
    *,
    environment_id: int | None = None,
    flag: str | None = None,
    statuses: tuple[Status, ...] = (),
) -> tuple[ExperimentView, ...]:
    """Experiments, the newest first."""
    if flag is not None and not is_key(flag):
        return ()
    query = _all().order_by(ExperimentRow.id.desc())
    if environment_id is not None:
        query = query.where(ExperimentRow.environment_id == environment_id)
    if flag is not None:
        query = query.where(ExperimentRow.flag == flag)
    if statuses:
        query = query.where(ExperimentRow.status.in_(statuses))
    return tuple(
        _view(row, ExperimentAt(project, environment, row.key))
        for row, project, environment in session.execute(query)
    )


def save(session: Session, view: ExperimentView, *, expected_version: int) -> bool:
    """Write the view with the next version; False: the row is no longer at the expected one."""
    values = {
        **_design_columns(view.design),
        "status": view.status,
        "version": expected_version + 1,
        "plan": None if view.plan is None else plan_to_json(view.plan),
        "outcome": None if view.outcome is None else asdict(view.outcome),
        "started_at": view.started_at,
        "stopped_at": view.stopped_at,
        "decided_at": view.decided_at,
    }
    changed = session.execute(
        update(ExperimentRow)
        .where(ExperimentRow.id == view.id, ExperimentRow.version == expected_version)
        .values(**values)
        .returning(ExperimentRow.id)
    )
    return changed.first() is not None


def _all() -> Select[ExperimentRow, str, str]:
    # populate_existing: after a conditional UPDATE the session's own copy of a row would be stale.
    return (
        select(ExperimentRow, ProjectRow.key, EnvironmentRow.key)
        .join(EnvironmentRow, EnvironmentRow.id == ExperimentRow.environment_id)
        .join(ProjectRow, ProjectRow.id == EnvironmentRow.project_id)
        .execution_options(populate_existing=True)
    )


def _is(at: ExperimentAt) -> tuple[Any, ...]:
    return (
        ProjectRow.key == at.project,
        EnvironmentRow.key == at.environment,
        ExperimentRow.key == at.experiment,
    )


def _design_columns(design: Design) -> dict[str, Any]:
    return {
        "flag": design.flag,
        "name": design.name,
        "hypothesis": design.hypothesis,
        "brief": asdict(design.brief),
        "unit_type": design.unit_type,
        "control": design.control,
        "flag_rule": design.flag_rule,
        "metrics": [metric_to_json(metric) for metric in design.metrics],
        "decision_rule": rule_to_json(design.decision_rule),
    }


def _view(row: ExperimentRow, at: ExperimentAt) -> ExperimentView:
    return ExperimentView(
        id=row.id,
        at=at,
        design=Design(
            name=row.name,
            flag=row.flag,
            control=row.control,
            metrics=tuple(metric_from_json(metric) for metric in row.metrics),
            decision_rule=rule_from_json(row.decision_rule),
            hypothesis=row.hypothesis,
            brief=Brief(**row.brief),
            unit_type=row.unit_type,
            flag_rule=row.flag_rule,
        ),
        status=Status(row.status),
        version=row.version,
        created_at=row.created_at,
        plan=None if row.plan is None else plan_from_json(row.plan),
        started_at=row.started_at,
        stopped_at=row.stopped_at,
        decided_at=row.decided_at,
        outcome=None if row.outcome is None else _outcome(row.outcome),
    )


def _outcome(stored: dict[str, Any]) -> Outcome:
    return Outcome(**{**stored, "decision": Decision(stored["decision"])})
