"""Changing a segment's lists in a request, for the API and the page."""

from collections.abc import Iterable

from flags import queries, service
from flags.model import SegmentView
from flags.unit_lists import listed
from flags.web.state import by
from runtime.web.state import state


def change(
    project: str,
    environment: str,
    segment: str,
    name: service.ListName,
    *,
    add: Iterable[str],
    remove: Iterable[str],
    reason: str,
    expected_version: int,
) -> SegmentView:
    """The segment as it is then. Invalid: names the unit by its place, ``add.3``. NotFound, Conflict."""
    database = state().database
    with database.reading() as session:
        queries.get_segment(session, project, environment, segment)
        salt = service.segment_salt(session, project, environment, segment)
    # Hashed while nobody waits for the database.
    added, removed = listed(salt, add, "add"), listed(salt, remove, "remove")
    with database.session() as session:
        return service.change_units(
            session,
            by(reason),
            project,
            environment,
            segment,
            name,
            add=added,
            remove=removed,
            expected_version=expected_version,
        )
