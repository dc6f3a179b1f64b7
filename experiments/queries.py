"""Reads, as views. Nothing here writes."""

from sqlalchemy.orm import Session

from experiments.model import ExperimentAt, ExperimentView, Status, StoredReport
from experiments.storage import experiments, reports
from flags.queries import get_environment
from runtime.errors import NotFound


def list_experiments(
    session: Session, project: str, environment: str, *, flag: str | None = None
) -> tuple[ExperimentView, ...]:
    """An environment's experiments, the newest first; of one flag where given. NotFound."""
    found = get_environment(session, project, environment)
    return experiments.list_of(session, environment_id=found.id, flag=flag)


def running_experiment(session: Session, project: str, environment: str, flag: str) -> ExperimentView | None:
    """The experiment that runs on this flag; there is at most one. NotFound."""
    found = get_environment(session, project, environment)
    running = experiments.list_of(session, environment_id=found.id, flag=flag, statuses=(Status.RUNNING,))
    return running[0] if running else None


def get_experiment(session: Session, at: ExperimentAt) -> ExperimentView:
    """One experiment. NotFound."""
    found = experiments.find(session, at)
    if found is None:
        raise NotFound("experiment", at.path)
    return found


def get_report(session: Session, at: ExperimentAt) -> StoredReport:
    """The latest report. NotFound: no such experiment, or no report of it yet."""
    found = reports.find(session, get_experiment(session, at).id)
    if found is None:
        raise NotFound("report", at.path)
    return found


def find_report(session: Session, view: ExperimentView) -> StoredReport | None:
    """The latest report of this experiment; None: none yet."""
    return reports.find(session, view.id)
