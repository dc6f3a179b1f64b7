"""The blueprint that every module of pages adds its routes to."""

from flask import Blueprint

from runtime.web.auth import require_actor

blueprint = Blueprint("experiment_pages", __name__)


@blueprint.before_request
def admit() -> None:
    """Strangers are sent to the sign-in page."""
    require_actor()
