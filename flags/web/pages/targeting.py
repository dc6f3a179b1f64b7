"""Rules and splits, with the units that would move shown before anything is saved (law 1)."""

from dataclasses import replace

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from flags import queries, requests, service
from flags.changes.model import Proposal
from flags.model import FlagAt, FlagState, FlagView
from flags.service.requests import ChangeAt
from flags.targeting import TargetingPreview, ranged
from flags.web.pages.blueprint import blueprint
from flags.web.pages.changes import number_of, propose
from flags.web.pages.forms import (
    VALUE_TYPES,
    TargetingForm,
    form_of,
    read_targeting,
    targeting_of,
    version_of,
)
from flags.web.pages.present import OPERATORS
from flags.web.place import page, place
from flags.web.state import by
from runtime.errors import Conflict, Invalid, Locked
from runtime.web.state import state

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
        fresh = TargetingForm(
            version=str(conflict.actual),
            rules=form.rules,
            default=form.default,
            off=form.off,
            reason=form.reason,
        )
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
    rules, next_rule = ranged(drafted, stored.rules, stored.next_rule)
    return replace(stored, rules=rules, next_rule=next_rule, default=drafted.default, off=drafted.off)


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
    return page(
        "flags/targeting.html",
        section="flags",
        place=here,
        flag=flag,
        form=form,
        operators=OPERATORS,
        value_types=[(value, _TYPE_WORDS[value]) for value in VALUE_TYPES],
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
        return error
    if steps[2] == "conditions" and len(steps) >= 5:
        return Invalid(f"rule-{steps[1]}-condition-{steps[3]}-{steps[4]}", error.problem)
    return Invalid(f"rule-{steps[1]}-weight", error.problem)
