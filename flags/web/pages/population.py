"""Who takes part at all: layers of experiments that exclude each other, and the environment's holdout."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from flags import queries, service
from flags.changes.model import Proposal
from flags.web.pages.blueprint import blueprint
from flags.web.pages.changes import propose_around
from flags.web.pages.forms import version_of
from flags.web.place import page, place
from flags.web.state import by
from flags.weights import buckets_of_share, percent_of_buckets
from runtime.errors import ApprovalRequired, Conflict, Invalid, Locked
from runtime.web.state import state


@blueprint.get("/p/<project>/<environment>/population")
def population(project: str, environment: str) -> ResponseReturnValue:
    """The layers and the holdout of an environment."""
    return _page(project, environment)


@blueprint.post("/p/<project>/<environment>/population/layers")
def create_layer(project: str, environment: str) -> ResponseReturnValue:
    """Make a layer."""
    key, name = request.form.get("key", "").strip(), request.form.get("name", "").strip()
    try:
        with state().database.session() as session:
            service.create_layer(session, by(), project, environment, key, name=name)
    except Invalid as error:
        return _page(project, environment, error=error), 422
    flash(f"The layer {key} is made. Rules get room in it on their own pages.", "good")
    return _back(project, environment)


@blueprint.post("/p/<project>/<environment>/population/layers/<layer>/delete")
def delete_layer(project: str, environment: str, layer: str) -> ResponseReturnValue:
    """Delete a layer nobody has room in."""
    with state().database.session() as session:
        service.delete_layer(session, by(), project, environment, layer)
    flash(f"The layer {layer} is gone.", "good")
    return _back(project, environment)


@blueprint.post("/p/<project>/<environment>/population/holdout")
def set_holdout(project: str, environment: str) -> ResponseReturnValue:
    """Keep a share of all units out of every split."""
    form = request.form
    try:
        share = buckets_of_share(form.get("share", ""), "share")
        if form.get("press") == "propose":
            return propose_around(
                project, environment, lambda _: Proposal(holdout=share), form.get("reason", "")
            )
        with state().database.session() as session:
            service.set_holdout(
                session,
                by(form.get("reason", "")),
                project,
                environment,
                share=share,
                expected=version_of(form.get("expected", "")),
            )
    except Invalid as error:
        return _page(project, environment, error=error), 422
    except ApprovalRequired as error:
        return _page(project, environment, refused=error), 423
    except Conflict as conflict:
        newer = Invalid("share", f"somebody else set it meanwhile: {conflict}")
        return _page(project, environment, error=newer), 409
    flash(f"{percent_of_buckets(share):f} % of all units are held out in {environment}.", "good")
    return _back(project, environment)


def _back(project: str, environment: str) -> ResponseReturnValue:
    return redirect(url_for("flag_pages.population", project=project, environment=environment), 303)


def _page(
    project: str, environment: str, *, error: Invalid | None = None, refused: Locked | None = None
) -> str:
    with state().database.reading() as session:
        here = place(session, project, environment, elsewhere="flag_pages.population")
        layers = queries.list_layers(session, project, environment)
        at = queries.get_environment(session, project, environment)
    form = {name: request.form.get(name, "") for name in ("key", "name", "reason")}
    form["share"] = request.form.get("share", f"{percent_of_buckets(at.holdout):f}")
    return page(
        "flags/population.html",
        section="population",
        place=here,
        layers=layers,
        holdout=at.holdout,
        required=at.required_approvers,
        form=form,
        error=error,
        refused=refused,
    )
