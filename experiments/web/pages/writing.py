"""Writing an experiment down: new drafts, and editing them."""

from dataclasses import replace
from datetime import UTC, datetime

from flask import request
from flask.typing import ResponseReturnValue

from experiments import queries, service
from experiments.model import ExperimentAt
from experiments.web.pages.blueprint import blueprint, to_experiment
from experiments.web.pages.forms import (
    DIRECTIONS,
    KINDS,
    MARGINS,
    PER_UNIT,
    ROLES,
    DesignForm,
    MetricRow,
    design_of,
    form_of,
    keep_hidden,
    read,
)
from flags import queries as flag_queries
from flags.web.pages.forms import version_of
from flags.web.place import page, place
from runtime.errors import Conflict, Invalid, NotFound
from runtime.web.auth import require_actor
from runtime.web.state import state


@blueprint.route("/p/<project>/<environment>/experiments/new", methods=["GET", "POST"])
def new_experiment(project: str, environment: str) -> ResponseReturnValue:
    """The form of a new experiment, and making the draft."""
    if request.method == "GET":
        return _form(project, environment, DesignForm(flag=request.args.get("flag", "")))
    form = read(request.form)
    if request.form.get("press") != "save":
        return _form(project, environment, _longer(form))
    at = ExperimentAt(project, environment, form.key)
    try:
        design = design_of(form)
        with state().database.session() as session:
            service.create(session, require_actor(), at, design, now=datetime.now(UTC))
    except (Invalid, NotFound) as error:
        return _form(project, environment, form, error=_on_form(error)), 422
    return to_experiment(at)


@blueprint.route("/p/<project>/<environment>/experiments/<experiment>/edit", methods=["GET", "POST"])
def edit_experiment(project: str, environment: str, experiment: str) -> ResponseReturnValue:
    """Change a draft."""
    at = ExperimentAt(project, environment, experiment)
    with state().database.reading() as session:
        view = queries.get_experiment(session, at)
    if request.method == "GET":
        form = form_of(experiment, view.design, view.version)
        return _form(project, environment, form, editing=experiment)
    form = read(request.form)
    if request.form.get("press") != "save":
        return _form(project, environment, _longer(form), editing=experiment)
    try:
        design = keep_hidden(design_of(form), view.design)
        with state().database.session() as session:
            version = version_of(form.version)
            service.edit(session, require_actor(), at, design, expected_version=version)
    except (Invalid, NotFound) as error:
        return _form(project, environment, form, error=_on_form(error), editing=experiment), 422
    except Conflict as conflict:
        return _form(project, environment, form, conflict=conflict, editing=experiment), 409
    return to_experiment(at)


def _form(
    project: str,
    environment: str,
    form: DesignForm,
    *,
    error: Invalid | None = None,
    conflict: Conflict | None = None,
    editing: str | None = None,
) -> str:
    with state().database.reading() as session:
        here = place(session, project, environment, elsewhere="experiment_pages.experiment_list")
        flags = flag_queries.list_flags(session, project, limit=1_000)
    names = dict.fromkeys(name for detail in flags.items for name in detail.flag.variants)
    return page(
        "experiments/form.html",
        section="experiments",
        place=here,
        form=form,
        version=conflict.actual if conflict else form.version,
        flags=[(detail.flag.key, detail.flag.key) for detail in flags.items],
        variants=[(name, name) for name in names],
        kinds=KINDS,
        directions=DIRECTIONS,
        per_unit=PER_UNIT,
        roles=ROLES,
        margins=MARGINS,
        error=error,
        conflict=conflict,
        editing=editing,
    )


def _longer(form: DesignForm) -> DesignForm:
    return replace(form, metrics=(*form.metrics, MetricRow(), MetricRow()))


def _on_form(error: Invalid | NotFound) -> Invalid:
    """The same problem, on the form's field: ``metrics.1.key`` is the second line's key."""
    if isinstance(error, NotFound):
        return Invalid("flag", str(error))
    head, _, rest = error.field.partition(".")
    if head == "metrics" and rest:
        return Invalid(f"metric-{rest.replace('.', '-')}", error.problem)
    return Invalid(rest if head == "brief" else error.field, error.problem)
