"""A report as files: the plot, JSON and CSV; and asking for a fresh one."""

import json
from datetime import UTC, datetime

from flask import Response, flash
from flask.typing import ResponseReturnValue

from experiments import queries, service
from experiments.codec import to_json
from experiments.csv_export import to_csv
from experiments.model import ExperimentAt, StoredReport
from experiments.web.pages.blueprint import blueprint, to_experiment
from runtime.web.state import state


@blueprint.post("/p/<project>/<environment>/experiments/<experiment>/refresh")
def refresh_report(project: str, environment: str, experiment: str) -> ResponseReturnValue:
    """Ask the worker for a fresh report."""
    at = ExperimentAt(project, environment, experiment)
    with state().database.session() as session:
        service.request_report(session, at, now=datetime.now(UTC))
    flash("A fresh report is on its way; look again in a few seconds.", "good")
    return to_experiment(at)


@blueprint.get("/p/<project>/<environment>/experiments/<experiment>/forest.svg")
def forest_plot(project: str, environment: str, experiment: str) -> Response:
    """The forest plot."""
    return Response(_stored(project, environment, experiment).svg, mimetype="image/svg+xml")


@blueprint.get("/p/<project>/<environment>/experiments/<experiment>/report.json")
def report_json(project: str, environment: str, experiment: str) -> Response:
    """The whole report for programs."""
    report = _stored(project, environment, experiment).report
    return Response(json.dumps(to_json(report), indent=2, allow_nan=False), mimetype="application/json")


@blueprint.get("/p/<project>/<environment>/experiments/<experiment>/report.csv")
def report_csv(project: str, environment: str, experiment: str) -> Response:
    """One row per metric and variant."""
    return Response(to_csv(_stored(project, environment, experiment).report), mimetype="text/csv")


def _stored(project: str, environment: str, experiment: str) -> StoredReport:
    with state().database.reading() as session:
        return queries.get_report(session, ExperimentAt(project, environment, experiment))
