"""What is remembered of units: look up, export, forget, and draw anew."""

from flask import Response
from flask_openapi3.models.tag import Tag

from flags import queries, service
from flags.model import FlagAt
from flags.web.api.answers import (
    AssignmentOut,
    AssignmentsOut,
    FlagOut,
    ForgetRequestOut,
    ForgetRequestsOut,
    ForgottenOut,
    UnitOut,
    answer,
)
from flags.web.api.blueprint import (
    AnyFlagAt,
    AssignmentsQuery,
    ForgottenQuery,
    ProjectAt,
    StateAt,
    UnitQuery,
    blueprint,
)
from flags.web.api.bodies import ForgetIn, RerandomiseIn
from flags.web.state import by
from runtime.web.state import state

_TAGS = [Tag(name="units", description="Which variants units of sticky flags keep")]
_FLAG = "/projects/<project>/flags/<flag>"


@blueprint.get("/projects/<project>/units", tags=_TAGS, responses={200: UnitOut})
def get_unit(path: ProjectAt, query: UnitQuery) -> Response:
    """Everything remembered of one unit, with what became of it. Reading enrolls nobody."""
    with state().database.reading() as session:
        return answer(UnitOut.of(queries.get_unit(session, path.project, query.unit)))


@blueprint.post("/projects/<project>/units/forget", tags=_TAGS, responses={200: ForgottenOut})
def forget_unit(path: ProjectAt, body: ForgetIn) -> Response:
    """Forget one unit (privacy): its assignments at once, its events within a day."""
    with state().database.session() as session:
        request = service.forget_unit(session, by(body.reason), path.project, body.unit)
    return answer(ForgottenOut(assignments=request.assignments, request=ForgetRequestOut.of(request)))


@blueprint.get("/projects/<project>/units/forgotten", tags=_TAGS, responses={200: ForgetRequestsOut})
def list_forgotten(path: ProjectAt, query: ForgottenQuery) -> Response:
    """Requests to forget a unit and how far they have come; ``before`` is the last id of the page before."""
    with state().database.reading() as session:
        found = queries.list_forgotten(
            session, path.project, unit=query.unit, before=query.before, limit=query.limit
        )
    return answer(ForgetRequestsOut(requests=[ForgetRequestOut.of(each) for each in found]))


@blueprint.get(f"{_FLAG}/environments/<environment>/assignments", tags=_TAGS, responses={200: AssignmentsOut})
def list_assignments(path: StateAt, query: AssignmentsQuery) -> Response:
    """Who is enrolled, in the order of enrolment; ``after`` is the last id of the page before."""
    with state().database.reading() as session:
        at = FlagAt(path.project, path.environment, path.flag)
        found = queries.list_assignments(session, at, after=query.after, limit=query.limit)
    return answer(AssignmentsOut(assignments=[AssignmentOut.of(each) for each in found]))


@blueprint.post(f"{_FLAG}/rerandomise", tags=_TAGS, responses={200: FlagOut})
def rerandomise(path: AnyFlagAt, body: RerandomiseIn) -> Response:
    """Draw every unit's variant anew, in every environment. Moves units on purpose."""
    with state().database.session() as session:
        service.rerandomise(
            session,
            by(body.reason),
            path.project,
            path.flag,
            confirm=body.confirm,
            expected_version=body.expected_version,
        )
        return answer(FlagOut.of(queries.get_flag(session, path.project, path.flag)))
