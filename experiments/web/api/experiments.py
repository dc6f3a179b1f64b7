"""Experiments: list, read, create, edit."""

from datetime import UTC, datetime

from flask import Response, jsonify

from experiments import queries, service
from experiments.encoding import view_to_json
from experiments.model import ExperimentAt
from experiments.web.api.answers import ExperimentOut, ExperimentsOut
from experiments.web.api.blueprint import ALL, ONE, TAGS, ListQuery, OnePlace, Place, blueprint
from experiments.web.api.bodies import EditIn, ExperimentIn
from runtime.web.auth import require_actor
from runtime.web.state import state


@blueprint.get(ALL, tags=TAGS, responses={200: ExperimentsOut})
def list_experiments(path: Place, query: ListQuery) -> Response:
    """An environment's experiments, the newest first."""
    with state().database.reading() as session:
        found = queries.list_experiments(session, path.project, path.environment, flag=query.flag)
    return jsonify({"experiments": [view_to_json(view) for view in found]})


@blueprint.post(ALL, tags=TAGS, responses={201: ExperimentOut})
def create_experiment(path: Place, body: ExperimentIn) -> tuple[Response, int]:
    """A new draft."""
    at, design = ExperimentAt(path.project, path.environment, body.key), body.design()
    with state().database.session() as session:
        made = service.create(session, require_actor(), at, design, now=datetime.now(UTC))
    return jsonify(view_to_json(made)), 201


@blueprint.get(ONE, tags=TAGS, responses={200: ExperimentOut})
def get_experiment(path: OnePlace) -> Response:
    """One experiment."""
    with state().database.reading() as session:
        return jsonify(view_to_json(queries.get_experiment(session, path.at())))


@blueprint.put(ONE, tags=TAGS, responses={200: ExperimentOut})
def edit_experiment(path: OnePlace, body: EditIn) -> Response:
    """Replace a draft's design, whole."""
    design = body.design()
    with state().database.session() as session:
        changed = service.edit(
            session, require_actor(), path.at(), design, expected_version=body.expected_version
        )
    return jsonify(view_to_json(changed))
