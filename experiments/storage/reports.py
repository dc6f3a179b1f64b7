"""Reports in the database: the latest of each experiment, and which ones are wanted."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from experiments.codec import from_json, to_json
from experiments.model import StoredReport
from experiments.report import Report
from experiments.storage.tables import ExperimentRow, ReportRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How current an experiment's report is."""

    fingerprint: str | None
    """Of the data and the experiment when the report was computed; None: there is no report."""
    computed_at: datetime | None
    requested_at: datetime | None
    """When somebody last asked for a fresh one and has not got it yet."""


def find(session: Session, experiment_id: int) -> StoredReport | None:
    """The latest report. Invalid: it was written by a version whose format this one does not read."""
    found = session.execute(
        select(ReportRow, ExperimentRow.report_requested_at)
        .join(ExperimentRow, ExperimentRow.id == ReportRow.experiment_id)
        .where(ReportRow.experiment_id == experiment_id)
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        return None
    row, requested_at = found
    return StoredReport(
        report=from_json(row.document),
        svg=row.svg,
        computed_at=row.computed_at,
        refreshing=requested_at is not None,
    )


def standing(session: Session, experiment_id: int) -> Standing:
    """How current the report is."""
    fingerprint, computed_at, requested_at = session.execute(
        select(ReportRow.fingerprint, ReportRow.computed_at, ExperimentRow.report_requested_at)
        .select_from(ExperimentRow)
        .outerjoin(ReportRow, ReportRow.experiment_id == ExperimentRow.id)
        .where(ExperimentRow.id == experiment_id)
    ).one()
    return Standing(fingerprint=fingerprint, computed_at=computed_at, requested_at=requested_at)


def request(session: Session, experiment_id: int, *, now: datetime) -> None:
    """Ask for a fresh report; the worker makes it."""
    session.execute(
        update(ExperimentRow).where(ExperimentRow.id == experiment_id).values(report_requested_at=now)
    )


def store(session: Session, experiment_id: int, report: Report, svg: str, fingerprint: str) -> None:
    """Put the report in the place of the one before, and count requests up to its moment as answered."""
    row = session.get(ReportRow, experiment_id) or ReportRow(experiment_id=experiment_id)
    row.computed_at = report.generated_at
    row.fingerprint = fingerprint
    row.document = to_json(report)
    row.svg = svg
    session.add(row)
    session.execute(
        update(ExperimentRow)
        .where(
            ExperimentRow.id == experiment_id,
            ExperimentRow.report_requested_at <= report.generated_at,
        )
        .values(report_requested_at=None)
    )
