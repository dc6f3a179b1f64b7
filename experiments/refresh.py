"""The worker's step that keeps reports current: what changed is computed again, what did not is left."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import Counter
from sqlalchemy.orm import Session

from experiments.analysis import Question
from experiments.budget import Budget
from experiments.decisions import LAG_LIMIT_S
from experiments.events.lake import Lake
from experiments.events.storage import backlog
from experiments.expected import expected_of
from experiments.model import ExperimentView, Status
from experiments.report import Report, Window
from experiments.storage import experiments, reports
from experiments.storage.reports import Standing
from flags.queries import get_environment
from runtime.database import Database

# New events arrive all the time: a report is made anew at most this often, or at once when asked for.
LEAST_AGE: Final = timedelta(seconds=15)

# After a stop late events still arrive for a while; from then on their trickle is looked at now and then.
SETTLED_AFTER: Final = timedelta(hours=1)

# Clocks of applications may run ahead a little; ingestion refuses events that are further in the future.
_CLOCKS_AHEAD: Final = timedelta(hours=1)
log = logging.getLogger("pointsman.reports")
REPORTS: Final = Counter("pointsman_reports_total", "Reports computed by the worker", ["result"])

_REPORTED: Final = (Status.RUNNING, Status.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One report to make."""

    experiment: ExperimentView
    fingerprint: str
    due_since: datetime
    lag_s: float = 0.0
    """How long the oldest acknowledged event of its environment has been waiting for the lake."""


def refresh_reports(database: Database, lake: Lake, now: datetime, budget: Budget | None = None) -> bool:
    """Make the one report that is due longest; whether there are more to make at once.

    Due is a running or stopped experiment whose data or state changed since its last report, or whose
    report was asked for. The analysis runs outside any transaction.
    """
    with database.reading() as session:
        views = experiments.list_of(session, statuses=_REPORTED)
        standings = {view.id: reports.standing(session, view.id) for view in views}
        lags_s = {view.id: _lag_s(session, view, now) for view in views}
    jobs = due_jobs(views, standings, _lake_state(lake), lags_s, now=now)
    for job in jobs:
        if _made(database, lake, job, now, budget or Budget()):
            return len(jobs) > 1
    return False


def _made(database: Database, lake: Lake, job: Job, now: datetime, budget: Budget) -> bool:
    """Whether the report is stored. One that fails is logged and stays due; others must not wait for it."""
    try:
        report, svg = _compute(job, lake, now, budget)
    except Exception:
        log.exception("the report of %s could not be made; it will be tried again", job.experiment.at.path)
        REPORTS.labels("failed").inc()
        return False
    with database.session() as session:
        reports.store(session, job.experiment.id, report, svg, job.fingerprint)
    REPORTS.labels("made").inc()
    return True


def due_jobs(
    views: tuple[ExperimentView, ...],
    standings: Mapping[int, Standing],
    lake_state: str,
    lags_s: Mapping[int, float],
    *,
    now: datetime,
) -> list[Job]:
    """The reports to make now, the one that waits longest first. PURE."""
    jobs = [
        Job(
            experiment=view,
            fingerprint=f"{lake_state};version={view.version};late={lags_s[view.id] > LAG_LIMIT_S}",
            lag_s=lags_s[view.id],
            due_since=standings[view.id].requested_at or standings[view.id].computed_at or view.created_at,
        )
        for view in views
    ]
    due = [job for job in jobs if _is_due(job, standings[job.experiment.id], now)]
    return sorted(due, key=lambda job: job.due_since)


def _is_due(job: Job, standing: Standing, now: datetime) -> bool:
    if standing.computed_at is None or standing.requested_at is not None:
        return True
    stopped_at = job.experiment.stopped_at
    settled = stopped_at is not None and standing.computed_at - stopped_at >= SETTLED_AFTER
    least_age = SETTLED_AFTER if settled else LEAST_AGE
    return standing.fingerprint != job.fingerprint and now - standing.computed_at >= least_age


def _lag_s(session: Session, view: ExperimentView, now: datetime) -> float:
    environment = get_environment(session, view.at.project, view.at.environment)
    oldest = backlog(session, environment.id).oldest
    return 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())


def _lake_state(lake: Lake) -> str:
    return f"exposures={lake.version('exposures')};outcomes={lake.version('outcomes')}"


def _compute(job: Job, lake: Lake, now: datetime, budget: Budget) -> tuple[Report, str]:
    from experiments.aggregate import Scope, aggregate_files
    from experiments.analysis import analyse
    from experiments.charts import forest_svg

    view = job.experiment
    question, window = question_of(view), _window(view, now)
    assert view.plan is not None  # noqa: S101  (only drafts have none, and they are never reported)
    aggregates = aggregate_files(
        lake.files("exposures"),
        lake.files("outcomes"),
        Scope(
            environment=f"{view.at.project}/{view.at.environment}",
            flag=view.design.flag,
            rule=view.plan.flag_rule,
            window=window,
            earlier=view.plan.earlier,
        ),
        view.design.metrics,
        variants=question.planned.keys(),
        budget=budget,
    )
    shown = Window(start=window.start, end=min(window.end, now))
    final = view.status is not Status.RUNNING
    report = analyse(question, aggregates, now=now, window=shown, final=final, lag_s=job.lag_s)
    return report, forest_svg(report)


def question_of(view: ExperimentView) -> Question:
    """What a started experiment asks: its design and plan, the primary metric first. PURE."""
    assert view.plan is not None  # noqa: S101  (only drafts have none, and they are never reported)
    design = view.design
    primary = design.decision_rule.primary
    return Question(
        title=design.name,
        unit=design.unit_type,
        control=design.control,
        planned={variant: float(weight) for variant, weight in view.plan.weights.items()},
        metrics=sorted(design.metrics, key=lambda metric: metric.key != primary),
        rule=design.decision_rule,
        expected=expected_of(view.plan),
    )


def _window(view: ExperimentView, now: datetime) -> Window:
    assert view.started_at is not None  # noqa: S101  (only drafts have none, and they are never reported)
    return Window(start=view.started_at, end=view.stopped_at or now + _CLOCKS_AHEAD)
