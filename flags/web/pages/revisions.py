"""One revision: what it changed, and the way back."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from flags import queries, service
from flags.encoding import served_json
from flags.model import FlagAt, served
from flags.revisions import differences
from flags.web.pages.blueprint import blueprint
from flags.web.pages.forms import version_of
from flags.web.place import page, place
from flags.web.state import by
from runtime.errors import Conflict, Invalid, Locked
from runtime.web.state import state


@blueprint.get("/p/<project>/<environment>/history/<int:revision>")
def show_revision(project: str, environment: str, revision: int) -> ResponseReturnValue:
    """What one revision changed, and what undoing it now would change."""
    return _show(project, environment, revision)


@blueprint.post("/p/<project>/<environment>/history/<int:revision>")
def revert_revision(project: str, environment: str, revision: int) -> ResponseReturnValue:
    """Serve again what was served before this revision."""
    try:
        version = version_of(request.form.get("version", ""))
        with state().database.session() as session:
            found = queries.get_revision(session, project, environment, revision)
            command = service.revert_around if found.subject else service.revert_revision
            command(
                session,
                by(request.form.get("reason", "")),
                project,
                environment,
                revision,
                expected_version=version,
            )
    except Invalid as error:
        return _show(project, environment, revision, error=error), 422
    except Locked as error:
        return _show(project, environment, revision, error=error), 423
    except Conflict as error:
        return _show(project, environment, revision, error=error), 409
    if found.subject:
        flash(f"{found.subject} is what it was before revision {revision}.", "good")
        return redirect(url_for("flag_pages.history", project=project, environment=environment), 303)
    flash(f"{found.flag} serves what it served before revision {revision}.", "good")
    return redirect(
        url_for("flag_pages.show_flag", project=project, environment=environment, flag=found.flag), 303
    )


def _show(
    project: str, environment: str, revision: int, *, error: Invalid | Locked | Conflict | None = None
) -> str:
    with state().database.reading() as session:
        here = place(session, project, environment, elsewhere="flag_pages.history")
        found = queries.get_revision(session, project, environment, revision)
        if found.subject:
            now, version = queries.around_now(session, found), queries.around_version(session, found)
        else:
            detail = queries.get_flag(session, project, found.flag)
            current = queries.get_state(session, FlagAt(project, environment, found.flag))
            now, version = served_json(served(detail.flag, current)), current.version
    return page(
        "flags/revision.html",
        section="history",
        place=here,
        revision=found,
        differences=differences(found.before, found.after),
        undoing=differences(now, found.before),
        version=version,
        error=error,
    )
