"""What sticky flags remember of units: look up, export, forget, and draw anew."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Final

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from flags import queries, service
from flags.model import FlagAt
from flags.web.pages.blueprint import blueprint
from flags.web.pages.forms import version_of
from flags.web.place import page, place
from flags.web.state import by
from runtime.errors import Invalid
from runtime.web.state import state

_COLUMNS: Final = ("unit_type", "unit", "variant", "rule", "epoch", "at", "reason")
# A spreadsheet takes text that begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@blueprint.get("/p/<project>/<environment>/units")
def unit(project: str, environment: str) -> ResponseReturnValue:
    """Look a unit up. Reading enrolls nobody."""
    wanted = request.args.get("unit", "").strip()
    return _page(project, environment, wanted)


@blueprint.post("/p/<project>/<environment>/units/forget")
def forget_unit(project: str, environment: str) -> ResponseReturnValue:
    """Delete everything remembered of a unit in the project."""
    wanted = request.form.get("unit", "").strip()
    if request.form.get("confirm", "").strip() != wanted:
        error = Invalid("confirm", "type the unit once more to forget it")
        return _page(project, environment, wanted, error=error), 422
    try:
        with state().database.session() as session:
            gone = service.forget_unit(session, by(), project, wanted)
    except Invalid as problem:
        return _page(project, environment, wanted, error=problem), 422
    flash(f"Forgotten: {gone} assignments of that unit are deleted.", "good")
    return redirect(url_for("flag_pages.unit", project=project, environment=environment), 303)


@blueprint.get("/p/<project>/<environment>/flags/<flag>/assignments.csv")
def export_assignments(project: str, environment: str, flag: str) -> ResponseReturnValue:
    """Everybody enrolled with a flag, as CSV."""
    at = FlagAt(project, environment, flag)
    with state().database.reading() as session:
        queries.get_state(session, at)
    headers = {"Content-Disposition": f'attachment; filename="{flag}-{environment}-assignments.csv"'}
    return Response(_csv(at), mimetype="text/csv", headers=headers)


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


def _csv(at: FlagAt) -> Iterator[str]:
    yield _line(_COLUMNS)
    after, database = 0, state().database
    while True:
        with database.reading() as session:
            batch = queries.list_assignments(session, at, after=after)
        if not batch:
            return
        yield "".join(_line([_cell(getattr(each, name)) for name in _COLUMNS]) for each in batch)
        after = batch[-1].id


def _line(cells: tuple[str, ...] | list[str]) -> str:
    text = StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: object) -> str:
    text = f"{value}"
    return f"'{text}" if text.startswith(_FORMULA) else text
