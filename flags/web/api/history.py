"""The history of an environment's ruleset."""

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import Field

from flags import queries, service
from flags.revisions import differences
from flags.service.restoring import Side
from flags.web.api.answers import RevisionOut, RevisionsOut, StateOut, answer
from flags.web.api.blueprint import EnvironmentAt, RevisionAt, RevisionsQuery, blueprint
from flags.web.api.bodies import VersionIn
from flags.web.api.change_answers import DifferenceOut, DiffOut
from flags.web.state import by
from runtime.web.state import state

_TAGS = [Tag(name="history", description="Who changed what, when and why")]
_REVISIONS = "/projects/<project>/environments/<environment>/revisions"


class RevertIn(VersionIn):
    """``expected_version`` is the state's. ``before`` undoes the revision, ``after`` returns to it."""

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


@blueprint.post(f"{_REVISIONS}/<revision>/revert", tags=_TAGS, responses={200: StateOut})
def revert_revision(path: RevisionAt, body: RevertIn) -> Response:
    """The flag serves again what it served before (or right after) this change, bucket by bucket."""
    with state().database.session() as session:
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
