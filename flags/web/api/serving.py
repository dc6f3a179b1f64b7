"""How a flag serves in one environment: the kill switch and targeting."""

from flask import Response
from flask_openapi3.models.tag import Tag

from flags import queries, service
from flags.model import FlagAt
from flags.web.api.answers import PreviewOut, StateOut, answer
from flags.web.api.blueprint import StateAt, blueprint
from flags.web.api.bodies import EnabledIn, TargetingChangeIn, TargetingIn
from flags.web.state import by
from runtime.urgent import announced
from runtime.web.state import state

_TAGS = [Tag(name="targeting", description="How a flag serves in one environment")]
_STATE = "/projects/<project>/flags/<flag>/environments/<environment>"


@blueprint.get(_STATE, tags=_TAGS, responses={200: StateOut})
def get_state(path: StateAt) -> Response:
    """How one flag serves in one environment."""
    with state().database.reading() as session:
        return answer(StateOut.of(queries.get_state(session, _at(path))))


@blueprint.put(f"{_STATE}/enabled", tags=_TAGS, responses={200: StateOut})
def set_enabled(path: StateAt, body: EnabledIn) -> Response:
    """The kill switch: off serves the off variant to everybody."""
    database = state().database
    with announced(database, urgent=not body.enabled), database.session() as session:
        changed = service.set_enabled(
            session,
            by(body.reason),
            _at(path),
            enabled=body.enabled,
            expected_version=body.expected_version,
        )
    return answer(StateOut.of(changed))


@blueprint.put(f"{_STATE}/targeting", tags=_TAGS, responses={200: StateOut})
def set_targeting(path: StateAt, body: TargetingChangeIn) -> Response:
    """Replace rules, default and off variant; rules known by id move the fewest units."""
    draft = body.draft()
    with state().database.session() as session:
        changed = service.set_targeting(
            session, by(body.reason), _at(path), draft, expected_version=body.expected_version
        )
    return answer(StateOut.of(changed))


@blueprint.post(f"{_STATE}/targeting/preview", tags=_TAGS, responses={200: PreviewOut})
def preview_targeting(path: StateAt, body: TargetingIn) -> Response:
    """Who would move if this targeting were stored; stores nothing."""
    with state().database.reading() as session:
        return answer(PreviewOut.of(service.preview_targeting(session, _at(path), body.draft())))


def _at(path: StateAt) -> FlagAt:
    return FlagAt(path.project, path.environment, path.flag)
