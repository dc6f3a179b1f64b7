"""Importing another vendor's flags, as a page: a plan first, then doing it."""

from flask import flash, request
from flask.typing import ResponseReturnValue

from flags import importing
from flags.importers.model import Options, Vendor
from flags.importers.reading import document
from flags.importers.vendors import mapped
from flags.importing import Plan
from flags.web.pages.blueprint import blueprint
from flags.web.place import page, place
from flags.web.state import by
from runtime.errors import Invalid, PointsmanError
from runtime.web.state import state


@blueprint.route("/p/<project>/<environment>/import", methods=["GET", "POST"])
def import_flags(project: str, environment: str) -> ResponseReturnValue:
    """The form; posted, what importing would do, or what it did."""
    error: PointsmanError | None = None
    plan: Plan | None = None
    typed = _document()
    if request.method == "POST":
        try:
            plan = _planned(project, environment, typed)
        except PointsmanError as problem:
            error = problem
    with state().database.reading() as session:
        here = place(session, project, environment)
    body = page(
        "flags/import.html",
        section="import",
        place=here,
        vendors=[(each.value, each.value) for each in Vendor],
        form=request.form,
        typed=typed,
        plan=plan,
        error=error,
    )
    return body, 422 if error else 200


def _planned(project: str, environment: str, typed: str) -> Plan:
    form = request.form
    vendor = form.get("vendor", "")
    if vendor not in set(Vendor):
        raise Invalid("vendor", "choose whose document this is")
    options = Options(unit=form.get("unit", "").strip(), partial=form.get("partial") == "yes")
    found = mapped(Vendor(vendor), document(typed), options)
    update = form.get("update") == "yes"
    if form.get("do") != "import":
        with state().database.reading() as session:
            return importing.plan(session, project, environment, found, update=update)
    with state().database.session() as session:
        who = by(form.get("reason", ""))
        plan = importing.carry_out(session, who, project, environment, found, update=update)
    flash("Imported. What was done with each flag stands below.", "good")
    return plan


def _document() -> str:
    upload = request.files.get("file")
    if upload is not None and upload.filename:
        body: bytes = upload.read()
        return body.decode(errors="replace")
    return request.form.get("document", "")
