"""Flags as they are in every environment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flask import Response
from flask_openapi3.models.tag import Tag

from flags import queries, service
from flags.inventory import USED_DAYS
from flags.registry import freeze
from flags.web.api.answers import FlagOut, FlagsOut, answer
from flags.web.api.blueprint import AnyFlagAt, FlagsQuery, ProjectAt, blueprint
from flags.web.api.bodies import ArchiveIn, FlagEditIn, FlagIn, VersionIn
from flags.web.registry import frozen_for
from flags.web.state import by, flags_state
from runtime.web.state import state

_TAGS = [Tag(name="flags", description="Flags and their variants")]


@blueprint.get("/projects/<project>/flags", tags=_TAGS, responses={200: FlagsOut})
def list_flags(path: ProjectAt, query: FlagsQuery) -> Response:
    """Flags by key, with their state in each environment."""
    with state().database.reading() as session:
        page = queries.list_flags(session, path.project, **query.model_dump())
    return answer(FlagsOut.of(page))


@blueprint.post("/projects/<project>/flags", tags=_TAGS, responses={201: FlagOut})
def create_flag(path: ProjectAt, body: FlagIn) -> Response:
    """A new flag, switched off in every environment."""
    draft = body.draft()
    draft = replace(draft, variants=freeze(draft.kind, draft.variants, flags_state().registry))
    with state().database.session() as session:
        service.create_flag(session, by(body.reason), path.project, draft)
        made = queries.get_flag(session, path.project, body.key)
    return answer(FlagOut.of(made), 201)


@blueprint.get("/projects/<project>/flags/<flag>", tags=_TAGS, responses={200: FlagOut})
def get_flag(path: AnyFlagAt) -> Response:
    """One flag, archived or not."""
    with state().database.reading() as session:
        return answer(FlagOut.of(queries.get_flag(session, path.project, path.flag)))


@blueprint.patch("/projects/<project>/flags/<flag>", tags=_TAGS, responses={200: FlagOut})
def edit_flag(path: AnyFlagAt, body: FlagEditIn) -> Response:
    """New name, description or variants; what is left out stays."""
    draft = body.draft()
    if draft.variants is not None:
        draft = replace(draft, variants=frozen_for(path.project, path.flag, draft.variants))
    with state().database.session() as session:
        service.edit_flag(
            session,
            by(body.reason),
            path.project,
            path.flag,
            draft,
            expected_version=body.expected_version,
        )
        return answer(FlagOut.of(queries.get_flag(session, path.project, path.flag)))


@blueprint.post("/projects/<project>/flags/<flag>/archive", tags=_TAGS, responses={200: FlagOut})
def archive_flag(path: AnyFlagAt, body: ArchiveIn) -> Response:
    """Take the flag out of every ruleset, if nobody used it lately; it can be restored."""
    since = None if body.force else datetime.now(UTC).date() - timedelta(days=USED_DAYS)
    with state().database.session() as session:
        service.archive_flag(
            session,
            by(body.reason),
            path.project,
            path.flag,
            expected_version=body.expected_version,
            unless_used_since=since,
        )
        return answer(FlagOut.of(queries.get_flag(session, path.project, path.flag)))


@blueprint.post("/projects/<project>/flags/<flag>/restore", tags=_TAGS, responses={200: FlagOut})
def restore_flag(path: AnyFlagAt, body: VersionIn) -> Response:
    """Bring an archived flag back exactly as it was."""
    with state().database.session() as session:
        service.restore_flag(
            session, by(body.reason), path.project, path.flag, expected_version=body.expected_version
        )
        return answer(FlagOut.of(queries.get_flag(session, path.project, path.flag)))
