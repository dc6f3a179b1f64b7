"""SDK keys of an environment."""

from flask import Response
from flask_openapi3.models.tag import Tag

from flags import queries, service
from flags.web.api.answers import NewSdkKeyOut, SdkKeyOut, SdkKeysOut, answer
from flags.web.api.blueprint import EnvironmentAt, KeyAt, blueprint
from flags.web.api.bodies import SdkKeyIn
from flags.web.state import by
from runtime.web.state import state

_TAGS = [Tag(name="sdk keys", description="What SDKs sign in with")]
_KEYS = "/projects/<project>/environments/<environment>/keys"


@blueprint.get(_KEYS, tags=_TAGS, responses={200: SdkKeysOut})
def list_sdk_keys(path: EnvironmentAt) -> Response:
    """An environment's keys, the newest first, revoked ones included."""
    with state().database.reading() as session:
        found = queries.list_sdk_keys(session, path.project, path.environment)
    return answer(SdkKeysOut(keys=[SdkKeyOut.of(each) for each in found]))


@blueprint.post(_KEYS, tags=_TAGS, responses={201: NewSdkKeyOut})
def create_sdk_key(path: EnvironmentAt, body: SdkKeyIn) -> Response:
    """A new key; its secret is in this answer and nowhere else."""
    with state().database.session() as session:
        made = service.create_sdk_key(
            session, by(), path.project, path.environment, name=body.name, kind=body.kind
        )
    answered = answer(NewSdkKeyOut.of(made), 201)
    answered.headers["Cache-Control"] = "no-store"
    return answered


@blueprint.delete(f"{_KEYS}/<key_id>", tags=_TAGS, responses={200: SdkKeyOut})
def revoke_sdk_key(path: KeyAt) -> Response:
    """The key opens nothing any more."""
    with state().database.session() as session:
        revoked = service.revoke_sdk_key(session, by(), path.project, path.environment, path.key_id)
    return answer(SdkKeyOut.of(revoked))
