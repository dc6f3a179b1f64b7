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
            flag = queries.get_revision(session, project, environment, revision).flag
            service.revert_revision(
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
    flash(f"{flag} serves what it served before revision {revision}.", "good")
    return redirect(url_for("flag_pages.show_flag", project=project, environment=environment, flag=flag), 303)


def _show(
    project: str, environment: str, revision: int, *, error: Invalid | Locked | Conflict | None = None
) -> str:
    with state().database.reading() as session:
        here = place(session, project, environment, elsewhere="flag_pages.history")
        found = queries.get_revision(session, project, environment, revision)
        detail = queries.get_flag(session, project, found.flag)
        now = queries.get_state(session, FlagAt(project, environment, found.flag))
    return page(
        "flags/revision.html",
        section="history",
        place=here,
        revision=found,
        differences=differences(found.before, found.after),
        undoing=differences(served_json(served(detail.flag, now)), found.before),
        version=now.version,
        error=error,
    )
