"""Commands on the lists of a segment: put in whole, or changed by a few or many units."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from flags.guards import By
from flags.model import EnvironmentView, SegmentView
from flags.service.opening import open_environment
from flags.service.segments import Lists, known_segment, new_salt, segment_with
from flags.storage import places, segments, unit_sets
from flags.unit_lists import UnitList, stored_list, within_limit
from pointsman.core.unit_sets import digest_of
from runtime.errors import Conflict, NotFound


class ListName(StrEnum):
    """The two lists of a segment."""

    INCLUDED = "included"
    EXCLUDED = "excluded"


def segment_salt(session: Session, project: str, environment: str, key: str) -> str:
    """What the segment's units are to be hashed with, a new salt where there is no segment. NotFound."""
    at = places.environment(session, project, environment)
    if at is None:
        raise NotFound("environment", f"{project}/{environment}")
    found = segments.segment(session, at, key)
    return new_salt() if found is None else segments.salt_of(session, found.id)


def put_units(
    session: Session, by: By, project: str, environment: str, key: str, lists: Mapping[ListName, UnitList]
) -> SegmentView:
    """These lists in the place of what the segment had; it is made where there is none. The others stay.

    All lists are hashed with ``segment_salt``. Invalid, NotFound, Locked. Conflict: the segment was made, or
    made again, meanwhile.
    """
    at = open_environment(session, project, environment)
    before = segments.segment(session, at, key)
    for units in lists.values():
        _refuse_other_salt(session, key, before, units)
    salt = next((units.salt for units in lists.values()), new_salt())
    kept: Lists = {name.value: _kept(session, at, units) for name, units in lists.items()}
    return segment_with(session, by, at, key, before, kept, salt=salt)


def change_units(
    session: Session,
    by: By,
    project: str,
    environment: str,
    key: str,
    name: ListName,
    *,
    add: UnitList,
    remove: UnitList,
    expected_version: int | None = None,
) -> SegmentView:
    """One of the segment's lists with some units more and others fewer; who is in both is removed.

    Both are hashed with ``segment_salt``. Invalid: the list gets too long. NotFound, Locked, Conflict.
    """
    at = open_environment(session, project, environment)
    before = known_segment(session, at, key, expected_version)
    _refuse_other_salt(session, key, before, add)
    digests = before.included if name is ListName.INCLUDED else before.excluded
    # In one expression: each step gives its eight bytes a unit back before the next one takes them.
    changed = within_limit(
        stored_list(add.salt, unit_sets.body(session, at.id, digests[0]) if digests else None)
        .with_units(add)
        .without_units(remove),
        name.value,
    )
    return segment_with(
        session, by, at, key, before, {name.value: _kept(session, at, changed)}, salt=add.salt
    )


def _kept(session: Session, at: EnvironmentView, units: UnitList) -> tuple[tuple[str, ...], int]:
    """The digests and size of a list, which is stored."""
    if not units.count:
        return (), 0
    body = units.body()
    digest = digest_of(body)
    unit_sets.add(session, at.id, digest, body, units=units.count, now=datetime.now(UTC))
    return (digest,), units.count


def _refuse_other_salt(session: Session, key: str, before: SegmentView | None, units: UnitList) -> None:
    if before is not None and units.salt != segments.salt_of(session, before.id):
        raise Conflict(f"segment {key!r}", 0, before.version, {"made": "meanwhile"})
