"""The history of an environment's ruleset."""

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import Field, RootModel

from flags import queries, service
from flags.model import SegmentView
from flags.revisions import differences
from flags.service.restoring import Side
from flags.web.api.answers import EnvironmentOut, RevisionOut, RevisionsOut, SegmentOut, StateOut, answer
from flags.web.api.blueprint import EnvironmentAt, RevisionAt, RevisionsQuery, blueprint
from flags.web.api.bodies import VersionIn
from flags.web.api.change_answers import DifferenceOut, DiffOut
from flags.web.state import by
from runtime.web.state import state

_TAGS = [Tag(name="history", description="Who changed what, when and why")]
_REVISIONS = "/projects/<project>/environments/<environment>/revisions"


class RevertedOut(RootModel[StateOut | SegmentOut | EnvironmentOut]):
    """What it was about, as it is now: a flag's state, a segment, or an environment with its holdout."""


class RevertIn(VersionIn):
    """``expected_version`` is the state's, the segment's (0: deleted), or the holdout that stands there.

    ``before`` undoes the revision, ``after`` returns to it."""

    side: Side = Field(Side.BEFORE, description="Which of its two snapshots to restore")


@blueprint.get(_REVISIONS, tags=_TAGS, responses={200: RevisionsOut})
def list_revisions(path: EnvironmentAt, query: RevisionsQuery) -> Response:
    """Changes, the newest first."""
    with state().database.reading() as session:
        found = queries.list_revisions(session, path.project, path.environment, **query.model_dump())
    return answer(RevisionsOut(revisions=[RevisionOut.of(each) for each in found]))


@blueprint.get(f"{_REVISIONS}/<revision>", tags=_TAGS, responses={200: RevisionOut})
def get_revision(path: RevisionAt) -> Response:
    """One change."""
    with state().database.reading() as session:
        return answer(
            RevisionOut.of(queries.get_revision(session, path.project, path.environment, path.revision))
        )


@blueprint.get(f"{_REVISIONS}/<revision>/diff", tags=_TAGS, responses={200: DiffOut})
def get_revision_diff(path: RevisionAt) -> Response:
    """What one change changed, by field; splits in percent, with the buckets that changed hands."""
    with state().database.reading() as session:
        found = queries.get_revision(session, path.project, path.environment, path.revision)
    told = [DifferenceOut.of(each) for each in differences(found.before, found.after)]
    return answer(DiffOut(revision=found.revision, differences=told))


@blueprint.post(f"{_REVISIONS}/<revision>/revert", tags=_TAGS, responses={200: RevertedOut})
def revert_revision(path: RevisionAt, body: RevertIn) -> Response:
    """Flag, segment or holdout are again what they were before (or right after) this change."""
    with state().database.session() as session:
        wanted = queries.get_revision(session, path.project, path.environment, path.revision)
        if wanted.subject:
            around = service.revert_around(
                session,
                by(body.reason),
                path.project,
                path.environment,
                path.revision,
                expected_version=body.expected_version,
                side=body.side,
            )
            if isinstance(around, SegmentView):
                return answer(SegmentOut.of(around))
            return answer(EnvironmentOut.of(around))
        changed = service.revert_revision(
            session,
            by(body.reason),
            path.project,
            path.environment,
            path.revision,
            expected_version=body.expected_version,
            side=body.side,
        )
    return answer(StateOut.of(changed))
