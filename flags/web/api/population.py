"""Who takes part at all: layers, and the environment's holdout."""

from flask import Response
from flask_openapi3.models.tag import Tag

from flags import queries, service
from flags.web.api.answers import EnvironmentOut, LayerOut, LayersOut, answer
from flags.web.api.blueprint import EnvironmentAt, LayerAt, blueprint
from flags.web.api.bodies import HoldoutIn, LayerIn
from flags.web.state import by
from runtime.web.state import state

_TAGS = [Tag(name="population", description="Layers of experiments that exclude each other, and the holdout")]
_ENVIRONMENT = "/projects/<project>/environments/<environment>"
_LAYERS = f"{_ENVIRONMENT}/layers"


@blueprint.get(_LAYERS, tags=_TAGS, responses={200: LayersOut})
def list_layers(path: EnvironmentAt) -> Response:
    """Every layer, who has room in it, and how much is free."""
    with state().database.reading() as session:
        found = queries.list_layers(session, path.project, path.environment)
    return answer(LayersOut(layers=[LayerOut.of(each) for each in found]))


@blueprint.post(_LAYERS, tags=_TAGS, responses={201: LayerOut})
def create_layer(path: EnvironmentAt, body: LayerIn) -> Response:
    """A new layer, empty. A rule gets room in it by its targeting."""
    with state().database.session() as session:
        service.create_layer(
            session, by(body.reason), path.project, path.environment, body.key, name=body.name
        )
        made = queries.get_layer(session, path.project, path.environment, body.key)
    return answer(LayerOut.of(made), 201)


@blueprint.delete(f"{_LAYERS}/<layer>", tags=_TAGS, responses={204: None})
def delete_layer(path: LayerAt) -> Response:
    """Delete a layer that no rule has room in."""
    with state().database.session() as session:
        service.delete_layer(session, by(), path.project, path.environment, path.layer)
    return Response(status=204)


@blueprint.put(f"{_ENVIRONMENT}/holdout", tags=_TAGS, responses={200: EnvironmentOut})
def set_holdout(path: EnvironmentAt, body: HoldoutIn) -> Response:
    """Keep a share of all units out of every rule that splits its units."""
    with state().database.session() as session:
        changed = service.set_holdout(
            session,
            by(body.reason),
            path.project,
            path.environment,
            share=body.share,
            expected=body.expected,
        )
    return answer(EnvironmentOut.of(changed))
