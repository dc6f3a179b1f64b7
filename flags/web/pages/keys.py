"""SDK keys: made here, shown once, revoked here."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from flags import queries, service
from flags.model import KeyKind
from flags.web.pages.blueprint import blueprint
from flags.web.place import page, place
from flags.web.state import by
from runtime.errors import Invalid
from runtime.web.state import state


@blueprint.get("/p/<project>/<environment>/keys")
def key_list(project: str, environment: str) -> ResponseReturnValue:
    """The keys of an environment."""
    return _keys(project, environment)


@blueprint.post("/p/<project>/<environment>/keys")
def create_key(project: str, environment: str) -> ResponseReturnValue:
    """Make a key; the page that answers is the only one that ever shows it."""
    try:
        with state().database.session() as session:
            new = service.create_sdk_key(
                session,
                by(),
                project,
                environment,
                name=request.form.get("name", "").strip(),
                kind=_kind(request.form.get("kind", KeyKind.SERVER)),
            )
    except Invalid as error:
        return _keys(project, environment, error=error), 422
    return _keys(project, environment, secret=new.secret)


@blueprint.post("/p/<project>/<environment>/keys/<int:key_id>/revoke")
def revoke_key(project: str, environment: str, key_id: int) -> ResponseReturnValue:
    """Make a key worthless."""
    with state().database.session() as session:
        key = service.revoke_sdk_key(session, by(), project, environment, key_id)
    flash(f"The key {key.name} is revoked.", "good")
    return redirect(url_for("flag_pages.key_list", project=project, environment=environment), 303)


def _kind(text: str) -> KeyKind:
    try:
        return KeyKind(text)
    except ValueError:
        raise Invalid("kind", f"choose one of {', '.join(KeyKind)}") from None


def _keys(project: str, environment: str, *, secret: str | None = None, error: Invalid | None = None) -> str:
    with state().database.reading() as session:
        here = place(session, project, environment)
        keys = queries.list_sdk_keys(session, project, environment)
    return page("flags/keys.html", section="keys", place=here, keys=keys, secret=secret, error=error)
