"""The history of an environment's ruleset."""

from flask import Response
from flask_openapi3.models.tag import Tag

from flags import queries
from flags.web.api.answers import RevisionOut, RevisionsOut, answer
from flags.web.api.blueprint import EnvironmentAt, RevisionAt, RevisionsQuery, blueprint
from runtime.web.state import state

_TAGS = [Tag(name="history", description="Who changed what, when and why")]
_REVISIONS = "/projects/<project>/environments/<environment>/revisions"


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
