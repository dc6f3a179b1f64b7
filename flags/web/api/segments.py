"""Segments of an environment: reusable sets of units."""

from flask import Response
from flask_openapi3.models.tag import Tag

from flags import queries, service
from flags.web import unit_lists
from flags.web.api.answers import SegmentOut, SegmentsOut, answer
from flags.web.api.blueprint import EnvironmentAt, SegmentAt, blueprint
from flags.web.api.bodies import NewSegmentIn, SegmentChangeIn, UnitsIn, VersionIn
from flags.web.state import by
from runtime.web.state import state

_TAGS = [Tag(name="segments", description="Reusable sets of units, by condition or listed by hand")]
_SEGMENTS = "/projects/<project>/environments/<environment>/segments"


@blueprint.get(_SEGMENTS, tags=_TAGS, responses={200: SegmentsOut})
def list_segments(path: EnvironmentAt) -> Response:
    """Every segment, by key."""
    with state().database.reading() as session:
        found = queries.list_segments(session, path.project, path.environment)
    return answer(SegmentsOut(segments=[SegmentOut.of(each) for each in found]))


@blueprint.post(_SEGMENTS, tags=_TAGS, responses={201: SegmentOut})
def create_segment(path: EnvironmentAt, body: NewSegmentIn) -> Response:
    """A new segment."""
    with state().database.session() as session:
        made = service.create_segment(
            session, by(body.reason), path.project, path.environment, body.draft(body.key)
        )
    return answer(SegmentOut.of(made), 201)


@blueprint.get(f"{_SEGMENTS}/<segment>", tags=_TAGS, responses={200: SegmentOut})
def get_segment(path: SegmentAt) -> Response:
    """One segment. Its lists are kept only hashed: their sizes are all there is to read."""
    with state().database.reading() as session:
        return answer(
            SegmentOut.of(queries.get_segment(session, path.project, path.environment, path.segment))
        )


@blueprint.put(f"{_SEGMENTS}/<segment>", tags=_TAGS, responses={200: SegmentOut})
def edit_segment(path: SegmentAt, body: SegmentChangeIn) -> Response:
    """Replace the segment; lists that are left out stay."""
    with state().database.session() as session:
        changed = service.edit_segment(
            session,
            by(body.reason),
            path.project,
            path.environment,
            body.draft(path.segment),
            expected_version=body.expected_version,
        )
    return answer(SegmentOut.of(changed))


@blueprint.post(f"{_SEGMENTS}/<segment>/units", tags=_TAGS, responses={200: SegmentOut})
def change_units(path: SegmentAt, body: UnitsIn) -> Response:
    """Add units to a list of the segment, and take others out; long lists come in several pieces."""
    changed = unit_lists.change(
        path.project,
        path.environment,
        path.segment,
        body.list,
        add=body.add,
        remove=body.remove,
        reason=body.reason,
        expected_version=body.expected_version,
    )
    return answer(SegmentOut.of(changed))


@blueprint.post(f"{_SEGMENTS}/<segment>/delete", tags=_TAGS, responses={204: None})
def delete_segment(path: SegmentAt, body: VersionIn) -> Response:
    """Delete a segment that nothing refers to."""
    with state().database.session() as session:
        service.delete_segment(
            session,
            by(body.reason),
            path.project,
            path.environment,
            path.segment,
            expected_version=body.expected_version,
        )
    return Response(status=204)
