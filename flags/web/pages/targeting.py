"""Rules and splits, with the units that would move shown before anything is saved (law 1)."""

from dataclasses import replace

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from flags import queries, requests, service
from flags.changes.model import Proposal
from flags.model import FlagAt, FlagState, FlagView
from flags.service.requests import ChangeAt
from flags.targeting import TargetingPreview
from flags.web.pages.blueprint import blueprint
from flags.web.pages.changes import number_of, propose
from flags.web.pages.condition_form import VALUE_TYPES
from flags.web.pages.forms import version_of
from flags.web.pages.present import OPERATORS
from flags.web.pages.targeting_form import TargetingForm, form_of, read_targeting, targeting_of
from flags.web.place import page, place
from flags.web.state import by
from runtime.errors import Conflict, Invalid, Locked
from runtime.web.state import state

_FIELDS = {"coverage": "coverage", "layer": "layer", "layer_share": "layer-share", "window": "start"}
_TYPE_WORDS = {"text": "text", "number": "number", "boolean": "true/false", "json": "JSON list"}


@blueprint.route("/p/<project>/<environment>/flags/<flag>/targeting", methods=["GET", "POST"])
def edit_targeting(project: str, environment: str, flag: str) -> ResponseReturnValue:
    """The rules as a form; "review" shows who moves, "save" saves."""
    at = FlagAt(project, environment, flag)
    with state().database.reading() as session:
        stored = queries.get_flag(session, project, flag).flag
        found = queries.get_state(session, at)
    variants = tuple(stored.variants)
    change = number_of(request.values.get("change", ""))
    if request.method == "GET":
        return _form(at, stored, form_of(_drafted(at, found, change), variants), change=change), 200
    form = read_targeting(request.form, variants)
    press = request.form.get("press", "review")
    try:
        if press == "save":
            return _save(at, form)
        if press == "propose":
            return propose(at, Proposal(targeting=targeting_of(form)), form.reason, change)
        if press == "review":
            return _form(at, stored, form, preview=_preview(at, form), change=change), 200
    except Invalid as error:
        return _form(at, stored, form, error=_on_form(error), change=change), 422
    except Locked as error:
        return _form(at, stored, form, error=error, change=change), 423
    except Conflict as conflict:
        fresh = replace(form, version=str(conflict.actual))
        return _form(at, stored, fresh, conflict=conflict, change=change), 409
    return _form(at, stored, form, change=change), 200


def _drafted(at: FlagAt, stored: FlagState, change: int | None) -> FlagState:
    """The state as a change request's draft would have it, to go on writing; the stored one without."""
    if change is None:
        return stored
    with state().database.reading() as session:
        found = requests.get_change(session, ChangeAt(at.project, at.environment, change))
    drafted = found.proposal.targeting
    if drafted is None or found.at != at:
        return stored
    with state().database.reading() as session:
        return service.drafted(session, at, stored, drafted)


def _save(at: FlagAt, form: TargetingForm) -> ResponseReturnValue:
    with state().database.session() as session:
        saved = service.set_targeting(
            session, by(form.reason), at, targeting_of(form), expected_version=version_of(form.version)
        )
    flash(f"Saved. {at.flag} is at version {saved.version} in {at.environment}.", "good")
    target = url_for("flag_pages.show_flag", project=at.project, environment=at.environment, flag=at.flag)
    return redirect(target, 303)


def _preview(at: FlagAt, form: TargetingForm) -> TargetingPreview:
    with state().database.reading() as session:
        return service.preview_targeting(session, at, targeting_of(form))


def _form(
    at: FlagAt,
    flag: FlagView,
    form: TargetingForm,
    *,
    preview: TargetingPreview | None = None,
    error: Invalid | Locked | None = None,
    conflict: Conflict | None = None,
    change: int | None = None,
) -> str:
    with state().database.reading() as session:
        here = place(session, at.project, at.environment)
        layers = queries.list_layers(session, at.project, at.environment)
    return page(
        "flags/targeting.html",
        section="flags",
        place=here,
        flag=flag,
        form=form,
        operators=OPERATORS,
        value_types=[(value, _TYPE_WORDS[value]) for value in VALUE_TYPES],
        layer_options=[("", "none"), *((each.key, each.key) for each in layers)],
        match_options=[("all", "all of these"), ("any", "any of these")],
        variant_options=[(name, name) for name in flag.variants],
        preview=preview,
        error=error,
        conflict=conflict,
        change=change,
    )


def _on_form(error: Invalid) -> Invalid:
    """The same problem, on the form's field: ``rules.0.conditions.1.values.2`` is that condition's values."""
    steps = error.field.split(".")
    if steps[0] != "rules" or len(steps) < 3:
        return Invalid(steps[0], error.problem) if steps[0] == "requires" else error
    rule = f"rule-{steps[1]}"
    if steps[2] == "conditions":
        return Invalid(_condition_field(rule, steps[3:]), error.problem)
    return Invalid(f"{rule}-{_FIELDS.get(steps[2], 'weight')}", error.problem)


def _condition_field(rule: str, steps: list[str]) -> str:
    if len(steps) < 2:
        return f"{rule}-tree"
    name = {"segment": "values", "serves": "values", "flag": "attribute"}.get(steps[1], steps[1])
    return f"{rule}-condition-{steps[0]}-{name}"
