"""Who is asking: a person by session cookie, or a program by API token."""

from datetime import UTC, datetime
from typing import Final

from flask import Response, g, request

from runtime.accounts import service as accounts
from runtime.accounts import tokens
from runtime.accounts.tokens import TokenAccess
from runtime.actors import Actor
from runtime.errors import Unauthenticated
from runtime.web.state import state

_READING: Final = {"GET", "HEAD", "OPTIONS"}
COOKIE: Final = "pointsman_session"
_BEARER: Final = "Bearer "


def require_actor() -> Actor:
    """Who is asking. Unauthenticated: nobody we know. Forbidden: a token that does not allow this."""
    actor = current_actor()
    token: TokenAccess | None = g.get("token")
    if token is not None:
        writes = request.method not in _READING
        token.check(writes=writes, project=(request.view_args or {}).get("project"))
    if actor is None:
        raise Unauthenticated("sign in, or send an API token as 'Authorization: Bearer …'")
    return actor


def current_actor() -> Actor | None:
    """Who is asking, looked up once per request; None: a stranger."""
    if "actor" not in g:
        g.actor = _look_up()
    actor: Actor | None = g.actor
    return actor


def bearer() -> str | None:
    """The secret in the Authorization header, if there is one."""
    header = request.headers.get("Authorization", "")
    return header[len(_BEARER) :].strip() if header.startswith(_BEARER) else None


def set_session_cookie(response: Response, token: str) -> None:
    """Keep the session in a cookie that scripts and other sites cannot read."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(accounts.SESSION_LIFE.total_seconds()),
        secure=state().settings.secure_cookies,
        httponly=True,
        samesite="Lax",
    )


def _look_up() -> Actor | None:
    now = datetime.now(UTC)
    token, cookie = bearer(), request.cookies.get(COOKIE)
    with state().database.reading() as session:
        if token is not None:
            g.token = tokens.token_access(session, token, now=now)
        elif cookie is not None:
            return accounts.actor_of_session(session, cookie, now=now)
    return _holder(g.get("token"), now)


def _holder(token: TokenAccess | None, now: datetime) -> Actor | None:
    if token is None:
        return None
    if token.use_is_old:
        with state().database.session() as session:
            tokens.note_use(session, token.actor.name, now=now)
    return token.actor
