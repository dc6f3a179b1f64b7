"""Signing in and out."""

import re
from datetime import UTC, datetime
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from runtime.accounts import service
from runtime.errors import Unauthenticated
from runtime.web.auth import COOKIE, set_session_cookie
from runtime.web.limits import SIGN_IN, limiter
from runtime.web.state import state

blueprint = Blueprint("accounts", __name__)

# Browsers drop tabs and line breaks from an address, read a backslash as a slash, and two slashes as a host.
_LOCAL: Final = re.compile(r"/(?!/)[^\x00-\x20\x7f\\]{0,2000}")


@blueprint.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The sign-in form."""
    return render_template("accounts/sign_in.html", next=local_path(request.args.get("next", "")), email="")


@blueprint.post("/sign-in")
@limiter.limit(SIGN_IN)
def sign_in_with_password() -> ResponseReturnValue:
    """Sign in by e-mail address and password."""
    email, target = request.form.get("email", ""), local_path(request.form.get("next", ""))
    try:
        with state().database.reading() as session:
            service.check_password(session, email, request.form.get("password", ""))
        with state().database.session() as session:
            token = service.open_session(session, email, now=datetime.now(UTC))
    except Unauthenticated as error:
        page = render_template("accounts/sign_in.html", next=target, email=email, problem=str(error))
        return page, 401
    return _signed_in(token, target)


@blueprint.get("/sign-in/<token>")
@limiter.limit(SIGN_IN)
def sign_in_by_link(token: str) -> ResponseReturnValue:
    """Spend a one-time link."""
    try:
        with state().database.session() as session:
            secret = service.use_sign_in_link(session, token, now=datetime.now(UTC))
    except Unauthenticated as error:
        page = render_template("accounts/sign_in.html", next="/", email="", problem=str(error))
        return page, 401
    return _signed_in(secret, "/")


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End this browser's session."""
    with state().database.session() as session:
        service.sign_out(session, request.cookies.get(COOKIE, ""))
    response = make_response(redirect(url_for("accounts.sign_in"), 303))
    response.delete_cookie(COOKIE)
    return response


def local_path(target: str) -> str:
    """The path if it leads to this site, else the front page (no open redirects)."""
    return target if _LOCAL.fullmatch(target) else "/"


def _signed_in(token: str, target: str) -> ResponseReturnValue:
    response = make_response(redirect(target, 303))
    set_session_cookie(response, token)
    return response
