"""Commands on segments: reusable sets of units, by condition or listed by hand."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeAlias

from sqlalchemy.orm import Session

from flags import limits
from flags.encoding import segment_json
from flags.entry import unit_problem
from flags.guards import Action, By
from flags.model import EnvironmentView, SegmentDraft, SegmentView
from flags.payloads import Problem
from flags.references import every_node, flags_in
from flags.service.opening import open_environment
from flags.service.publishing import publish_other, trace
from flags.service.surroundings import world_of
from flags.storage import segments, states, unit_sets
from flags.trees import check_nodes
from flags.validation import check_named, refuse
from flags.world import check_nesting, check_references
from pointsman.core.costs import problem_of, searches_of, segments_problem
from pointsman.core.unit_sets import digest_of, hash_of_unit, salt_of_set, write_hashes
from runtime.errors import Conflict, Invalid, Locked, NotFound


def create_segment(
    session: Session, by: By, project: str, environment: str, draft: SegmentDraft
) -> SegmentView:
    """A new segment. Invalid: names the field; key taken. NotFound."""
    at = open_environment(session, project, environment)
    if segments.segment(session, at, draft.key) is not None:
        raise Invalid("key", f"a segment {draft.key!r} exists in {project}/{environment}; choose another key")
    refuse_many(session, at)
    _check(session, at, draft)
    salt = new_salt()
    return _added(session, by, at, _drafted(session, at, _blank(at, draft.key), draft, salt), salt)


def edit_segment(
    session: Session, by: By, project: str, environment: str, draft: SegmentDraft, *, expected_version: int
) -> SegmentView:
    """The segment as the draft has it. Invalid, NotFound, Conflict."""
    at = open_environment(session, project, environment)
    before = known_segment(session, at, draft.key, expected_version)
    return _changed(session, by, at, before, _edited(session, at, before, draft))


def drafted_segment(session: Session, at: EnvironmentView, draft: SegmentDraft) -> SegmentView:
    """The segment as an edit would make it; its lists are kept as sets, nothing else is written.

    Invalid: names the field. NotFound.
    """
    return _edited(session, at, known_segment(session, at, draft.key), draft)


def _edited(session: Session, at: EnvironmentView, before: SegmentView, draft: SegmentDraft) -> SegmentView:
    _check(session, at, draft)
    return _drafted(session, at, before, draft, segments.salt_of(session, before.id))


def put_segment(
    session: Session, by: By, at: EnvironmentView, after: SegmentView, *, expected_version: int
) -> SegmentView:
    """The segment as it is given, checked against everything as it is now. Invalid, NotFound, Conflict."""
    before = known_segment(session, at, after.key, expected_version)
    after = replace(after, id=before.id, version=before.version)
    _check(session, at, SegmentDraft(key=after.key, conditions=after.conditions))
    return _changed(session, by, at, before, after)


def remade_segment(session: Session, by: By, at: EnvironmentView, after: SegmentView) -> SegmentView:
    """A deleted segment as it was, in a locked environment; its lists are still kept. Invalid."""
    refuse_many(session, at)
    _check(session, at, SegmentDraft(key=after.key, conditions=after.conditions))
    bodies = unit_sets.bodies(session, at.id, (*after.included, *after.excluded))
    salt = salt_of_set(next(iter(bodies.values()))) if bodies else new_salt()
    return _added(session, by, at, after, salt)


def refuse_many(session: Session, at: EnvironmentView) -> None:
    """Invalid: the environment has as many segments as it may."""
    if segments.count(session, at) >= limits.SEGMENTS_PER_ENVIRONMENT:
        raise Invalid("key", f"an environment has at most {limits.SEGMENTS_PER_ENVIRONMENT} segments")


def delete_segment(
    session: Session, by: By, project: str, environment: str, key: str, *, expected_version: int
) -> None:
    """The segment is gone. Locked: something refers to it. NotFound, Conflict."""
    at = open_environment(session, project, environment)
    before = known_segment(session, at, key, expected_version)
    users = _users(session, at, key)
    if users:
        raise Locked(_subject(at, key), f"{', '.join(users[:5])} refer to it; change these first")
    segments.remove(session, before.id)
    _published(session, by, Action.DELETE_SEGMENT, at, before, None)


Lists: TypeAlias = Mapping[str, tuple[tuple[str, ...], int]]
"""By ``included`` and ``excluded``: the digests and the size of a list that is stored already."""


def new_salt() -> str:
    """What the units of a new segment are hashed with."""
    return secrets.token_hex(16)


def segment_with(
    session: Session,
    by: By,
    at: EnvironmentView,
    key: str,
    before: SegmentView | None,
    lists: Lists,
    *,
    salt: str,
) -> SegmentView:
    """The segment with these lists, its others as they were; made with this salt where there was none."""
    if before is None:
        refuse_many(session, at)
        _check(session, at, SegmentDraft(key=key))
    stored = before or replace(_blank(at, key), name=key)
    included = lists.get("included", (stored.included, stored.included_count))
    excluded = lists.get("excluded", (stored.excluded, stored.excluded_count))
    after = replace(
        stored,
        included=included[0],
        included_count=included[1],
        excluded=excluded[0],
        excluded_count=excluded[1],
    )
    if before is None:
        return _added(session, by, at, after, salt)
    return _changed(session, by, at, before, after)


def _added(session: Session, by: By, at: EnvironmentView, segment: SegmentView, salt: str) -> SegmentView:
    made = segments.add(session, at, segment, salt=salt)
    return _published(session, by, Action.CREATE_SEGMENT, at, None, made)


def _changed(
    session: Session, by: By, at: EnvironmentView, before: SegmentView, after: SegmentView
) -> SegmentView:
    """The segment once it is stored so; what is so already leaves no trace. Conflict: somebody was faster."""
    if after == before:
        return before
    if not segments.change(session, before, after):
        raise _conflict(known_segment(session, at, after.key), before.version)
    return _published(
        session, by, Action.EDIT_SEGMENT, at, before, replace(after, version=before.version + 1)
    )


def _users(session: Session, at: EnvironmentView, key: str) -> list[str]:
    token = f"segment:{key}"
    return [*states.referring(session, at.id, token), *segments.referring(session, at, token)]


def _check(session: Session, at: EnvironmentView, draft: SegmentDraft) -> None:
    refuse(check_named(key=draft.key, name=draft.name, description=draft.description))
    _check_cost(session, at, draft)
    refuse(check_nodes(draft.conditions, "conditions"))
    world = world_of(session, at, draft.conditions)
    if flags_in(every_node(draft.conditions)):
        raise Invalid("conditions", "a segment cannot depend on a flag; put that into the flag's rule")
    refuse(check_references(draft.conditions, world, "conditions"))
    refuse(check_nesting(draft.key, draft.conditions, world))
    for name, units in (("included", draft.included), ("excluded", draft.excluded)):
        refuse(_unit_problems(name, units or ()))


def _check_cost(session: Session, at: EnvironmentView, draft: SegmentDraft) -> None:
    if not searches_of(draft.conditions):
        return
    problem = problem_of(draft.conditions) or segments_problem(
        [
            draft.conditions,
            *(each.conditions for each in segments.segments(session, at) if each.key != draft.key),
        ]
    )
    if problem:
        raise Invalid("conditions", problem)


def _unit_problems(name: str, units: tuple[str, ...]) -> list[Problem]:
    if len(units) > limits.UNITS_PER_SEGMENT:
        return [Problem(name, f"{len(units)} units; at most {limits.UNITS_PER_SEGMENT} are allowed")]
    problems = ((index, unit_problem(unit)) for index, unit in enumerate(units))
    return [Problem(f"{name}.{index}", problem) for index, problem in problems if problem][:10]


def _drafted(
    session: Session, at: EnvironmentView, before: SegmentView, draft: SegmentDraft, salt: str
) -> SegmentView:
    included, included_count = _listed(session, at, draft.included, salt) or (
        before.included,
        before.included_count,
    )
    excluded, excluded_count = _listed(session, at, draft.excluded, salt) or (
        before.excluded,
        before.excluded_count,
    )
    return replace(
        before,
        name=draft.name or draft.key,
        description=draft.description,
        conditions=draft.conditions,
        included=included,
        included_count=included_count,
        excluded=excluded,
        excluded_count=excluded_count,
    )


def _listed(
    session: Session, at: EnvironmentView, units: tuple[str, ...] | None, salt: str
) -> tuple[tuple[str, ...], int] | None:
    """The digests and size of a list; None: it was not given and stays."""
    if units is None:
        return None
    hashes = {hash_of_unit(salt, unit) for unit in units}
    if not hashes:
        return (), 0
    body = write_hashes(salt, hashes)
    digest = digest_of(body)
    unit_sets.add(session, at.id, digest, body, units=len(hashes), now=datetime.now(UTC))
    return (digest,), len(hashes)


def _blank(at: EnvironmentView, key: str) -> SegmentView:
    return SegmentView(
        id=0,
        project=at.project,
        environment=at.key,
        key=key,
        name="",
        description="",
        conditions=(),
        included=(),
        excluded=(),
        included_count=0,
        excluded_count=0,
        version=0,
    )


def known_segment(
    session: Session, at: EnvironmentView, key: str, expected_version: int | None = None
) -> SegmentView:
    """The segment as it is now. NotFound, Conflict."""
    found = segments.segment(session, at, key)
    if found is None:
        raise NotFound("segment", f"{at.project}/{at.key}/{key}")
    if expected_version is not None and found.version != expected_version:
        raise _conflict(found, expected_version)
    return found


def _conflict(found: SegmentView, expected_version: int) -> Conflict:
    return Conflict(f"segment {found.key!r}", expected_version, found.version, segment_json(found))


def _published(
    session: Session,
    by: By,
    action: Action,
    at: EnvironmentView,
    before: SegmentView | None,
    after: SegmentView | None,
) -> SegmentView:
    either = after or before
    assert either is not None  # noqa: S101  (one of them was just read or written)
    revision = publish_other(
        session,
        by,
        action,
        at,
        subject=f"segment:{either.key}",
        before=None if before is None else segment_json(before),
        after=None if after is None else segment_json(after),
        free=not _users(session, at, either.key),
    )
    trace(
        session, by, action, _subject(at, either.key), {"revision": revision, "units": either.included_count}
    )
    return either


def _subject(at: EnvironmentView, key: str) -> str:
    return f"{at.project}/{at.key}/segment:{key}"
