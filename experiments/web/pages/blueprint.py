"""The blueprint that every module of pages adds its routes to."""

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from experiments.model import ExperimentAt
from runtime.web.auth import require_actor

blueprint = Blueprint("experiment_pages", __name__)


@blueprint.before_request
def admit() -> None:
    """Strangers are sent to the sign-in page."""
    require_actor()


def to_experiment(at: ExperimentAt) -> ResponseReturnValue:
    """Send the browser to the experiment's page."""
    target = url_for(
        "experiment_pages.show_experiment",
        project=at.project,
        environment=at.environment,
        experiment=at.experiment,
    )
    return redirect(target, 303)
