"""Reports: the latest as JSON or CSV, and asking for a fresh one."""

from datetime import UTC, datetime
from typing import Final

from flask import Response, jsonify

from experiments import queries, service
from experiments.codec import to_json
from experiments.csv_export import to_csv
from experiments.model import StoredReport
from experiments.web.api.answers import ReportOut, RequestedOut
from experiments.web.api.blueprint import ONE, TAGS, OnePlace, blueprint
from experiments.web.api.bodies import NothingIn
from runtime.web.state import state

_CSV: Final = {"description": "OK", "content": {"text/csv": {"schema": {"type": "string"}}}}


@blueprint.get(f"{ONE}/report", tags=TAGS, responses={200: ReportOut})
def get_report(path: OnePlace) -> Response:
    """The latest report. 404: none has been made yet."""
    found = _report(path)
    return jsonify({**to_json(found.report), "refreshing": found.refreshing})


@blueprint.get(f"{ONE}/report.csv", tags=TAGS, responses={200: _CSV})
def get_report_csv(path: OnePlace) -> Response:
    """The latest report's numbers as CSV, one row per metric and variant."""
    name = f"{path.project}-{path.environment}-{path.experiment}.csv"
    return Response(
        to_csv(_report(path).report),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@blueprint.post(f"{ONE}/report", tags=TAGS, responses={202: RequestedOut})
def request_report(path: OnePlace, body: NothingIn) -> tuple[Response, int]:
    """Ask for a fresh report; the worker makes it in the next seconds."""
    with state().database.session() as session:
        service.request_report(session, path.at(), now=datetime.now(UTC))
    return jsonify({"refreshing": True}), 202


def _report(path: OnePlace) -> StoredReport:
    with state().database.reading() as session:
        return queries.get_report(session, path.at())
