"""API tokens: made here, shown once, revoked here. For people only: no token may make another."""

from datetime import UTC, datetime, timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from runtime.accounts import tokens
from runtime.accounts.pages import blueprint
from runtime.accounts.tokens import MOST_DAYS, Scope
from runtime.actors import Actor, ActorKind
from runtime.errors import Forbidden, Invalid
from runtime.web.auth import require_actor
from runtime.web.state import state


@blueprint.get("/tokens")
def token_list() -> ResponseReturnValue:
    """Every token."""
    return _tokens(_person())


@blueprint.post("/tokens")
def create_token() -> ResponseReturnValue:
    """Make a token; the page that answers is the only one that ever shows it."""
    person, now, form = _person(), datetime.now(UTC), request.form
    try:
        ends = _ends(form.get("days", "").strip(), now)
        with state().database.session() as session:
            secret = tokens.create_api_token(
                session,
                person,
                form.get("name", "").strip(),
                now=now,
                scope=_scope(form.get("scope", Scope.READ)),
                project=form.get("project", "").strip() or None,
                expires_at=ends,
            )
    except Invalid as error:
        return _tokens(person, error=error), 422
    return _tokens(person, secret=secret)


@blueprint.post("/tokens/revoke")
def revoke_token() -> ResponseReturnValue:
    """Make a token worthless. Its name may be anything, so it comes in the form."""
    person, name = _person(), request.form.get("name", "")
    with state().database.session() as session:
        tokens.revoke_api_token(session, person, name, now=datetime.now(UTC))
    flash(f"The token {name} is revoked.", "good")
    return redirect(url_for("accounts.token_list"), 303)


def _person() -> Actor:
    actor = require_actor()
    if actor.kind is not ActorKind.PERSON:
        raise Forbidden("tokens are made and revoked by people; sign in, or use the command line")
    return actor


def _ends(days: str, now: datetime) -> datetime | None:
    if not days:
        return None
    if not (days.isascii() and days.isdecimal() and len(days) < 6 and 1 <= int(days) <= MOST_DAYS):
        raise Invalid("days", f"use a whole number from 1 to {MOST_DAYS}, or leave it empty for ever")
    return now + timedelta(days=int(days))


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError:
        raise Invalid("scope", f"choose one of {', '.join(Scope)}") from None


def _tokens(person: Actor, *, secret: str | None = None, error: Invalid | None = None) -> str:
    with state().database.reading() as session:
        found = tokens.list_api_tokens(session)
    now = datetime.now(UTC)
    over = {each.name for each in found if each.expires_at is not None and each.expires_at <= now}
    return render_template(
        "accounts/tokens.html", tokens=found, over=over, secret=secret, error=error, actor=person
    )
