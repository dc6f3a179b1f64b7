"""The one door of the admin API: every house's routes are admitted, documented and refused alike."""

from flask_openapi3.blueprint import APIBlueprint

from flags.web.api.answers import ErrorOut
from flags.web.json_bodies import vet_json_body
from runtime.web.auth import require_actor


def api_blueprint(name: str, import_name: str) -> APIBlueprint:
    """A blueprint under /api/v1 behind the door."""
    blueprint = APIBlueprint(
        name,
        import_name,
        url_prefix="/api/v1",
        abp_security=[{"token": []}],
        abp_responses=dict.fromkeys((401, 403, 404, 409, 413, 422, 423), ErrorOut),
    )
    blueprint.before_request(_admit)
    return blueprint


def _admit() -> None:
    """Nobody gets further without being known, nor with a body that is not clean JSON."""
    require_actor()
    vet_json_body()
