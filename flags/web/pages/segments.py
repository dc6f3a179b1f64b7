"""Segments: reusable sets of units, listed, made, edited and deleted."""

from dataclasses import dataclass

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from flags import queries, service
from flags.changes.model import Proposal
from flags.model import SegmentDraft, SegmentView
from flags.service.around import proposed_segment
from flags.web import unit_lists
from flags.web.pages.around_form import json_of_nodes, nodes_of_json
from flags.web.pages.blueprint import blueprint
from flags.web.pages.changes import propose_around
from flags.web.pages.forms import version_of
from flags.web.pages.present import node_words
from flags.web.place import page, place
from flags.web.state import by
from runtime.errors import ApprovalRequired, Conflict, Invalid
from runtime.web.state import state


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentForm:
    """A segment as typed, good or bad. Empty lists mean that the stored ones stay."""

    key: str = ""
    name: str = ""
    description: str = ""
    conditions: str = "[]"
    included: str = ""
    excluded: str = ""
    version: str = ""
    reason: str = ""


@blueprint.route("/p/<project>/<environment>/segments", methods=["GET", "POST"])
def segment_list(project: str, environment: str) -> ResponseReturnValue:
    """The segments of an environment, and making one."""
    form, error = _typed(), None
    if request.method == "POST":
        try:
            with state().database.session() as session:
                service.create_segment(session, by(form.reason), project, environment, _draft(form, form.key))
        except Invalid as problem:
            error = _on_form(problem)
        else:
            flash(f"The segment {form.key} is made.", "good")
            return redirect(url_for("flag_pages.segment_list", project=project, environment=environment), 303)
    with state().database.reading() as session:
        here = place(session, project, environment)
        found = queries.list_segments(session, project, environment)
    lines = [(each, [node_words(node) for node in each.conditions]) for each in found]
    body = page("flags/segments.html", section="segments", place=here, lines=lines, form=form, error=error)
    return body, 422 if error else 200


@blueprint.route("/p/<project>/<environment>/segments/<segment>", methods=["GET", "POST"])
def edit_segment(project: str, environment: str, segment: str) -> ResponseReturnValue:
    """One segment."""
    with state().database.reading() as session:
        here = place(session, project, environment, elsewhere="flag_pages.segment_list")
        stored = queries.get_segment(session, project, environment, segment)
        required = queries.get_environment(session, project, environment).required_approvers
    form, error, conflict, refused = _form_of(stored), None, None, None
    if request.method == "POST":
        form = _typed()
        try:
            if request.form.get("press") == "propose":
                return _propose(project, environment, segment, form)
            _save(project, environment, segment, form)
        except Invalid as problem:
            error = _on_form(problem)
        except ApprovalRequired as problem:
            refused = problem
        except Conflict as problem:
            conflict = problem
        else:
            flash(f"The segment {segment} is saved.", "good")
            return redirect(url_for("flag_pages.segment_list", project=project, environment=environment), 303)
    body = page(
        "flags/segment.html",
        section="segments",
        place=here,
        segment=stored,
        form=form,
        error=error,
        conflict=conflict,
        refused=refused,
        required=required,
    )
    return body, 423 if refused else 409 if conflict else 422 if error else 200


@blueprint.post("/p/<project>/<environment>/segments/<segment>/units")
def change_units(project: str, environment: str, segment: str) -> ResponseReturnValue:
    """Add a few units to a list, and take others out, without typing the whole list again."""
    typed = request.form
    changed = unit_lists.change(
        project,
        environment,
        segment,
        list_of(typed.get("list", "")),
        add=_lines(typed.get("add", "")),
        remove=_lines(typed.get("remove", "")),
        reason=typed.get("units-reason", ""),
        expected_version=version_of(typed.get("version", "")),
    )
    flash(f"{changed.included_count} units are listed in now, {changed.excluded_count} out.", "good")
    target = url_for("flag_pages.edit_segment", project=project, environment=environment, segment=segment)
    return redirect(target, 303)


@blueprint.post("/p/<project>/<environment>/segments/<segment>/delete")
def delete_segment(project: str, environment: str, segment: str) -> ResponseReturnValue:
    """Delete a segment that nothing refers to."""
    version = version_of(request.form.get("version", ""))
    with state().database.session() as session:
        service.delete_segment(session, by(), project, environment, segment, expected_version=version)
    flash(f"The segment {segment} is gone.", "good")
    return redirect(url_for("flag_pages.segment_list", project=project, environment=environment), 303)


def _save(project: str, environment: str, segment: str, form: SegmentForm) -> None:
    with state().database.session() as session:
        service.edit_segment(
            session,
            by(form.reason),
            project,
            environment,
            _draft(form, segment),
            expected_version=version_of(form.version),
        )


def _propose(project: str, environment: str, segment: str, form: SegmentForm) -> ResponseReturnValue:
    draft = _draft(form, segment)

    def proposal(session: Session) -> Proposal:
        return proposed_segment(session, project, environment, draft)

    return propose_around(project, environment, proposal, form.reason)


def _typed() -> SegmentForm:
    names = ("key", "name", "description", "conditions", "included", "excluded", "version", "reason")
    form = SegmentForm()
    return SegmentForm(**{name: request.form.get(name, getattr(form, name)) for name in names})


def _form_of(stored: SegmentView) -> SegmentForm:
    return SegmentForm(
        key=stored.key,
        name=stored.name,
        description=stored.description,
        conditions=json_of_nodes(stored.conditions),
        version=str(stored.version),
    )


def _draft(form: SegmentForm, key: str) -> SegmentDraft:
    return SegmentDraft(
        key=key.strip(),
        name=form.name.strip(),
        description=form.description,
        conditions=nodes_of_json(form.conditions or "[]", "conditions"),
        included=_units(form.included),
        excluded=_units(form.excluded),
    )


def _units(text: str) -> tuple[str, ...] | None:
    """One unit a line; None: nothing was typed. A line of a single hyphen empties the list."""
    lines = _lines(text)
    if lines == ("-",):
        return ()
    return lines or None


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def list_of(text: str) -> service.ListName:
    """The list of this name. Invalid: there is none."""
    try:
        return service.ListName(text)
    except ValueError:
        raise Invalid("list", f"must be included or excluded, not {text[:80]!r}") from None


def _on_form(error: Invalid) -> Invalid:
    return Invalid(error.field.partition(".")[0], error.problem)
