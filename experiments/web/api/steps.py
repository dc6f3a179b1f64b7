"""The steps of an experiment's life: start, stop, decide."""

from datetime import UTC, datetime

from flask import Response, jsonify

from experiments import service
from experiments.encoding import view_to_json
from experiments.web.api.answers import ExperimentOut
from experiments.web.api.blueprint import ONE, TAGS, OnePlace, blueprint
from experiments.web.api.bodies import OutcomeIn, StepIn
from runtime.web.auth import require_actor
from runtime.web.state import state


@blueprint.post(f"{ONE}/start", tags=TAGS, responses={200: ExperimentOut})
def start_experiment(path: OnePlace, body: StepIn) -> Response:
    """Start it: design, rule and planned split are fixed, and the flag's split is locked."""
    with state().database.session() as session:
        changed = service.start(
            session,
            require_actor(),
            path.at(),
            expected_version=body.expected_version,
            now=datetime.now(UTC),
        )
    return jsonify(view_to_json(changed))


@blueprint.post(f"{ONE}/stop", tags=TAGS, responses={200: ExperimentOut})
def stop_experiment(path: OnePlace, body: StepIn) -> Response:
    """Stop it: later events do not count, and the flag's split is free."""
    with state().database.session() as session:
        changed = service.stop(
            session,
            require_actor(),
            path.at(),
            expected_version=body.expected_version,
            now=datetime.now(UTC),
        )
    return jsonify(view_to_json(changed))


@blueprint.post(f"{ONE}/decide", tags=TAGS, responses={200: ExperimentOut})
def decide_experiment(path: OnePlace, body: OutcomeIn) -> Response:
    """Record what was decided, and why."""
    with state().database.session() as session:
        changed = service.decide(
            session,
            require_actor(),
            path.at(),
            body.outcome(),
            expected_version=body.expected_version,
            now=datetime.now(UTC),
        )
    return jsonify(view_to_json(changed))
