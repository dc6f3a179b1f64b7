"""Change requests as pages: proposed, looked at, approved, published now or at an instant."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from flags import queries, requests, service
from flags.changes.model import OPEN, ChangeRequest, ChangeState, Proposal
from flags.guards import By
from flags.limits import MOST_APPROVERS, MOST_ROWS
from flags.model import FlagAt
from flags.service import approving, drafting
from flags.service.requests import ChangeAt
from flags.web.pages.blueprint import blueprint
from flags.web.pages.forms import version_of
from flags.web.place import page, place
from flags.web.state import by
from runtime import audit
from runtime.errors import ApprovalRequired, Conflict, Forbidden, Invalid, Locked
from runtime.web.auth import require_actor
from runtime.web.state import state

Command = Callable[..., ChangeRequest]

_PER_PAGE: Final = 50
_STEPS: Final[dict[str, tuple[Command, str]]] = {
    "submit": (drafting.submit_change, "It is before the approvers."),
    "withdraw": (drafting.withdraw_change, "It is withdrawn."),
    "rebase": (
        drafting.rebase_change,
        "It is rebased on the flag as it is now; approvals are cancelled.",
    ),
    "approve": (approving.approve_change, "You have approved it."),
    "reject": (approving.reject_change, "It is rejected."),
    "publish": (approving.publish_change, "It is published."),
    "unschedule": (approving.unschedule_change, "It is not scheduled any more."),
}


@blueprint.get("/p/<project>/<environment>/changes")
def change_list(project: str, environment: str) -> ResponseReturnValue:
    """The change requests of an environment, and how many approvers it asks for."""
    return _list(project, environment)


@blueprint.post("/p/<project>/<environment>/approvers")
def set_approvers(project: str, environment: str) -> ResponseReturnValue:
    """How many people must approve a change here."""
    form = request.form
    try:
        wanted = _small("required_approvers", form.get("required_approvers", ""))
        if form.get("press") == "propose":
            return propose_around(
                project, environment, lambda _: Proposal(required_approvers=wanted), form.get("reason", "")
            )
        expected = _small("required_approvers", form.get("expected", ""))
        with state().database.session() as session:
            service.set_required_approvers(
                session, by(form.get("reason", "")), project, environment, wanted, expected=expected
            )
    except Invalid as error:
        return _list(project, environment, error=error), 422
    except ApprovalRequired as error:
        return _list(project, environment, refused=error), 423
    return redirect(url_for("flag_pages.change_list", project=project, environment=environment), 303)


@blueprint.post("/p/<project>/<environment>/flags/<flag>/propose")
def propose_change(project: str, environment: str, flag: str) -> ResponseReturnValue:
    """A change request for what one button does: switching, archiving, undoing a revision."""
    form = request.form
    what, value = form.get("what", ""), form.get("value", "")
    proposals = {
        "enabled": Proposal(enabled=value == "yes"),
        "archived": Proposal(archived=value == "yes"),
        "rerandomise": Proposal(rerandomise=True),
        "revert": Proposal(revert=_revision(value)),
    }
    if what not in proposals:
        raise Invalid("what", "must be enabled, archived, rerandomise or revert")
    return propose(FlagAt(project, environment, flag), proposals[what], form.get("reason", ""))


def propose(at: FlagAt, proposal: Proposal, reason: str, number: int | None = None) -> ResponseReturnValue:
    """Write the proposal down, as a new request or over the given one, and show it."""
    with state().database.session() as session:
        if number is None:
            made = drafting.create_change(session, by(reason), at, proposal)
        else:
            where = ChangeAt(at.project, at.environment, number)
            version = requests.get_change(session, where).version
            made = drafting.edit_change(session, by(reason), where, proposal, expected_version=version)
    flash(f"Change request {made.id} is written down. Nothing has changed yet.", "good")
    return _to_change(at.project, at.environment, made.id)


def propose_around(
    project: str, environment: str, proposal: Callable[[Session], Proposal], reason: str
) -> ResponseReturnValue:
    """Write down a proposal about what is no flag, and show it. Invalid, NotFound, Locked."""
    with state().database.session() as session:
        made = drafting.create_change_around(session, by(reason), project, environment, proposal(session))
    flash(f"Change request {made.id} is written down. Nothing has changed yet.", "good")
    return _to_change(project, environment, made.id)


@blueprint.get("/p/<project>/<environment>/changes/<int:number>")
def show_change(project: str, environment: str, number: int) -> ResponseReturnValue:
    """One request: what would change, who has approved, what happened to it."""
    return _show(ChangeAt(project, environment, number))


@blueprint.post("/p/<project>/<environment>/changes/<int:number>")
def step_change(project: str, environment: str, number: int) -> ResponseReturnValue:
    """Take the request a step further."""
    at, press = ChangeAt(project, environment, number), request.form.get("press", "")
    try:
        version = version_of(request.form.get("version", ""))
        command, said = _command(press)
        with state().database.session() as session:
            command(session, by(request.form.get("note", "")), at, expected_version=version)
    except Invalid as error:
        return _show(at, error=error), 422
    except (Locked, Forbidden) as error:
        return _show(at, error=error), 423 if isinstance(error, Locked) else 403
    except Conflict as conflict:
        return _show(at, conflict=conflict), 409
    flash(said, "good")
    return _to_change(project, environment, number)


def number_of(text: str) -> int | None:
    """The change request a form belongs to; None: it stands for itself."""
    return _revision(text) or None


def _command(press: str) -> tuple[Command, str]:
    if press == "schedule":
        instant = _instant(request.form.get("publish_at", ""))

        def schedule(session: Session, by: By, at: ChangeAt, *, expected_version: int) -> ChangeRequest:
            return approving.schedule_change(
                session, by, at, publish_at=instant, expected_version=expected_version
            )

        return schedule, "The worker will publish it at its instant."
    if press not in _STEPS:
        raise Invalid("press", "press one of the buttons")
    return _STEPS[press]


def _list(
    project: str, environment: str, *, error: Invalid | None = None, refused: Locked | None = None
) -> str:
    chosen = request.args.get("state", "open")
    states = OPEN if chosen == "open" else [each for each in ChangeState if each.value == chosen]
    offset = max(0, request.args.get("offset", 0, type=int))
    with state().database.reading() as session:
        here = place(session, project, environment)
        at = queries.get_environment(session, project, environment)
        found = requests.list_changes(
            session, project, environment, states=states, limit=_PER_PAGE, offset=offset
        )
    end = found.offset + len(found.items)
    return page(
        "flags/changes.html",
        section="changes",
        place=here,
        changes=found.items,
        total=found.total,
        chosen=chosen,
        states=["open", *(each.value for each in ChangeState), "all"],
        required=at.required_approvers,
        counts=[(str(count), str(count)) for count in range(MOST_APPROVERS + 1)],
        error=error,
        refused=refused,
        later=end if end < found.total else None,
        earlier=max(0, found.offset - _PER_PAGE) if found.offset else None,
    )


def _show(
    at: ChangeAt, *, error: Invalid | Locked | Forbidden | None = None, conflict: Conflict | None = None
) -> str:
    with state().database.rehearsing() as session:
        here = place(session, at.project, at.environment, elsewhere="flag_pages.change_list")
        found = requests.get_change(session, at)
        environment = queries.get_environment(session, at.project, at.environment)
        entries = audit.entries(session, subject=found.path, limit=100)
        is_open = found.state in (*OPEN, ChangeState.FAILED)
        rehearsal = requests.rehearse(session, by(), found) if is_open else None
    actor = require_actor()
    return page(
        "flags/change.html",
        section="changes",
        place=here,
        change=found,
        required=environment.required_approvers,
        rehearsal=rehearsal,
        entries=entries,
        mine=str(actor) in found.writers,
        approved=any(each.actor == actor.name for each in found.valid),
        error=error,
        conflict=conflict,
    )


def _to_change(project: str, environment: str, number: int) -> ResponseReturnValue:
    target = url_for("flag_pages.show_change", project=project, environment=environment, number=number)
    return redirect(target, 303)


def _instant(text: str) -> datetime:
    """A browser's local date and time, which the page says is UTC. Invalid: no such thing."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("publish_at", "is not a date and time; write 2026-12-31T18:30") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _small(field: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 2):
        raise Invalid(field, f"must be from 0 to {MOST_APPROVERS}")
    return int(text)


def _revision(text: str) -> int:
    """The number typed, 0 for what is none: no revision has it."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= 10
    return min(int(text), MOST_ROWS) if is_number else 0
