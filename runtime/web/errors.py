"""One table from errors to HTTP statuses, one JSON shape, and one page for people."""

from typing import Any, Final

from flask import Flask, Response, g, jsonify, make_response, redirect, render_template, request, url_for
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from runtime.errors import (
    Busy,
    Conflict,
    Forbidden,
    Invalid,
    Locked,
    NotFound,
    PointsmanError,
    TooMany,
    Unauthenticated,
)

STATUS: Final[dict[type[PointsmanError], int]] = {
    Invalid: 422,
    NotFound: 404,
    Conflict: 409,
    Locked: 423,
    Unauthenticated: 401,
    Forbidden: 403,
    TooMany: 429,
    Busy: 503,
}
_PROGRAM_PATHS: Final = ("/api/", "/v1/", "/ofrep/", "/metrics", "/healthz", "/readyz", "/openapi")


def register(app: Flask) -> None:
    """Answer every error of the tree, and every HTTP error, in the asker's language."""
    app.register_error_handler(PointsmanError, answer)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _database)


def body(code: str, message: str, **details: Any) -> dict[str, Any]:
    """The one JSON shape of an error."""
    return {"error": {"code": code, "message": message, **details}}


def status_of(error: PointsmanError) -> int:
    """The HTTP status of an error, by its class or the nearest parent in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def for_program() -> bool:
    """Whether the asker is a program: by path, or by asking for JSON."""
    return request.path.startswith(_PROGRAM_PATHS)


def answer(error: PointsmanError) -> tuple[Response | str, int] | Response:
    """The answer to an error of our own tree."""
    status = status_of(error)
    if for_program():
        answered = jsonify(body(error.code, str(error), **error.details()))
        if status == 401:
            answered.headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, TooMany | Busy):
            answered.headers["Retry-After"] = str(error.retry_after_s)
        return answered, status
    if isinstance(error, Unauthenticated) and request.method == "GET":
        return _to_sign_in()
    return _page(status, str(error), error), status


def _database(error: OperationalError) -> tuple[Response | str, int] | Response:
    """A database that another change holds is no fault of anybody's; whatever else it says is one."""
    if "database is locked" not in str(error.orig):
        raise error
    return answer(Busy("another change holds the database; try again in a moment", retry_after_s=2))


def _to_sign_in() -> Response:
    target = redirect(url_for("accounts.sign_in", next=request.full_path.rstrip("?")))
    assert isinstance(target, Response)  # noqa: S101  (werkzeug types it wider than Flask answers)
    return target


def _http(error: HTTPException) -> Response | HTTPException:
    if error.response is not None or error.code is None or error.code < 400:
        return error
    message = error.description or error.name
    if for_program():
        code = error.name.lower().replace(" ", "_")
        details = {"field": "body"} if error.code == 413 else {}
        answered = jsonify(body(code, message, **details))
    else:
        answered = make_response(_page(error.code, message, error))
    answered.status_code = error.code
    # What belongs to the status, such as Allow beside a 405.
    answered.headers.update({name: value for name, value in error.get_headers() if name != "Content-Type"})
    return answered


def _page(status: int, message: str, error: Exception) -> str:
    # Who asks is shown if it was looked up already; an error page asks the database nothing.
    return render_template("error.html", status=status, message=message, error=error, actor=g.get("actor"))
