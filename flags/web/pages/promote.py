"""Copying flags into this environment from another, after looking at what that changes."""

from dataclasses import dataclass

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from flags import queries
from flags.code import promoting
from flags.code.planning import Plan, PlanOutdated
from flags.code.telling import moves_of
from flags.revisions import Difference
from flags.web.pages.blueprint import blueprint
from flags.web.place import page, place
from flags.web.state import by
from runtime.errors import Invalid, Locked
from runtime.web.state import state


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """One flag that copying would change, and whose variant."""

    flag: str
    differences: tuple[Difference, ...]
    moves: tuple[str, ...]


@blueprint.get("/p/<project>/<environment>/promote")
def show_promotion(project: str, environment: str) -> ResponseReturnValue:
    """What every flag of another environment (``source``) would change here."""
    return _page(project, environment, request.args.get("source", ""))


@blueprint.post("/p/<project>/<environment>/promote")
def promote_flags(project: str, environment: str) -> ResponseReturnValue:
    """Copy the chosen flags, or open change requests for them."""
    source = request.form.get("source", "")
    try:
        told = _promoted(project, environment, source)
    except PlanOutdated as error:
        return _page(project, environment, source, problem=str(error)), 409
    except Invalid as error:
        return _page(project, environment, source, problem=str(error)), 422
    except Locked as error:
        return _page(project, environment, source, problem=str(error)), 423
    flash(told, "good")
    return redirect(url_for("flag_pages.flag_list", project=project, environment=environment), 303)


def _promoted(project: str, environment: str, source: str) -> str:
    """What was done, in words. PlanOutdated: the page showed something else."""
    form = request.form
    chosen, reason = form.getlist("flag"), form.get("reason", "")
    if not chosen:
        raise Invalid("flag", "choose at least one flag")
    with state().database.session() as session:
        if form.get("seen", "") != promoting.fingerprint(session, project):
            raise PlanOutdated(project)
        if form.get("press", "") == "propose":
            made = promoting.propose_promotion(session, by(reason), project, source, environment, chosen)
            return f"{len(made)} change requests are before the approvers."
        promoting.promote(session, by(reason), project, source, environment, chosen)
    return f"{', '.join(chosen)}: {environment} serves now what {source} serves."


def _page(project: str, environment: str, source: str, *, problem: str = "") -> str:
    with state().database.reading() as session:
        here = place(session, project, environment, elsewhere="flag_pages.show_promotion")
        required = queries.get_environment(session, project, environment).required_approvers
    others = [each for each in here.environments if each.key != environment]
    copied: tuple[Copied, ...] = ()
    seen = ""
    if source:
        with state().database.rehearsing() as session:
            seen = promoting.fingerprint(session, project)
            try:
                plan = promoting.plan_promotion(session, by(), project, source, environment)
                copied = _copied(plan)
            except (Invalid, Locked) as error:
                problem = problem or f"Not everything can be copied: {error}"
    return page(
        "flags/promote.html",
        section="flags",
        place=here,
        others=others,
        source=source,
        copied=copied,
        seen=seen,
        required=required,
        problem=problem,
        reason=request.form.get("reason", ""),
    )


def _copied(plan: Plan) -> tuple[Copied, ...]:
    return tuple(
        Copied(flag=each.flag, differences=each.differences, moves=tuple(moves_of(each)))
        for each in plan.flags
    )
