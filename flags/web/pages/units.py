"""What sticky flags remember of units: look up, export, forget, and draw anew."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from flags import limits, queries, service
from flags.assignments_csv import csv_lines
from flags.model import FlagAt
from flags.web.pages.blueprint import blueprint
from flags.web.pages.forms import version_of
from flags.web.place import page, place
from flags.web.state import by
from runtime.database import Database
from runtime.errors import Invalid
from runtime.web.state import state

MOST_ROWS: Final = 100_000
SHOWN: Final = 50


@blueprint.get("/p/<project>/<environment>/units")
def unit(project: str, environment: str) -> ResponseReturnValue:
    """Look a unit up. Reading enrolls nobody."""
    wanted = request.args.get("unit", "").strip()
    return _page(project, environment, wanted)


@blueprint.post("/p/<project>/<environment>/units/forget")
def forget_unit(project: str, environment: str) -> ResponseReturnValue:
    """Forget a unit in the project: its assignments at once, its events within a day."""
    wanted = request.form.get("unit", "").strip()
    if request.form.get("confirm", "").strip() != wanted:
        error = Invalid("confirm", "type the unit once more to forget it")
        return _page(project, environment, wanted, error=error), 422
    try:
        with state().database.session() as session:
            asked = service.forget_unit(session, by(), project, wanted)
    except Invalid as problem:
        return _page(project, environment, wanted, error=problem), 422
    flash(f"Assignments deleted: {asked.assignments}. Its events go within a day; follow it here.", "good")
    return redirect(url_for("flag_pages.forgotten_units", project=project, environment=environment), 303)


@blueprint.get("/p/<project>/<environment>/units/forgotten")
def forgotten_units(project: str, environment: str) -> ResponseReturnValue:
    """Requests to forget a unit, and how far they have come."""
    before = request.args.get("before", type=int)
    before = None if before is None else max(1, min(before, limits.MOST_ROWS))
    with state().database.reading() as session:
        here = place(session, project, environment, elsewhere="flag_pages.forgotten_units")
        found = queries.list_forgotten(session, project, before=before, limit=SHOWN + 1)
    older = found[SHOWN - 1].id if len(found) > SHOWN else None
    return page("flags/forgotten.html", section="units", place=here, requests=found[:SHOWN], older=older)


@blueprint.get("/p/<project>/<environment>/flags/<flag>/assignments.csv")
def export_assignments(project: str, environment: str, flag: str) -> ResponseReturnValue:
    """The first 100,000 units enrolled with a flag, as CSV; the command line exports any number."""
    at = FlagAt(project, environment, flag)
    with state().database.reading() as session:
        queries.get_state(session, at)
    headers = {"Content-Disposition": f'attachment; filename="{flag}-{environment}-assignments.csv"'}
    return Response(_csv(at, state().database), mimetype="text/csv", headers=headers)


@blueprint.post("/p/<project>/<environment>/flags/<flag>/rerandomise")
def rerandomise(project: str, environment: str, flag: str) -> ResponseReturnValue:
    """Draw every unit's variant anew, in every environment."""
    with state().database.session() as session:
        service.rerandomise(
            session,
            by(request.form.get("reason", "")),
            project,
            flag,
            confirm=request.form.get("confirm", "").strip(),
            expected_version=version_of(request.form.get("version", "")),
        )
    flash(f"{flag} draws every unit's variant anew, in every environment.", "good")
    return redirect(url_for("flag_pages.show_flag", project=project, environment=environment, flag=flag), 303)


def _page(project: str, environment: str, wanted: str, *, error: Invalid | None = None) -> str:
    found = None
    with state().database.reading() as session:
        here = place(session, project, environment, elsewhere="flag_pages.unit")
        if wanted and error is None:
            try:
                found = queries.get_unit(session, project, wanted)
            except Invalid as problem:
                error = problem
    return page("flags/units.html", section="units", place=here, wanted=wanted, found=found, error=error)


def _csv(at: FlagAt, database: Database) -> Iterator[str]:
    """The first rows; an answer is made whole before it is sent, so a page does not export millions."""
    yield from islice(csv_lines(at, database), 1 + MOST_ROWS // queries.MOST_AT_ONCE)
