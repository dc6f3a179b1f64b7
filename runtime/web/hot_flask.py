"""The hot routes through Flask: for tests, and for any other WSGI server."""

from collections.abc import Callable
from typing import Final

from flask import Blueprint, Flask, Response, request

from runtime.web.hot import HotRequest, HotRoute, HotRoutes, answer_hot

_KEY: Final = "pointsman.hot"


def attach(app: Flask, routes: HotRoutes) -> Blueprint:
    """Hang the routes on the application, for the front; and let Flask answer them too: by the blueprint.

    They take no cookie, so the protection of forms has nothing to do with them.
    """
    app.extensions[_KEY] = routes
    blueprint = _blueprint(routes)
    app.register_blueprint(blueprint)
    return blueprint


def hot_routes(app: Flask) -> HotRoutes:
    """The hot routes of an application; none where none were attached."""
    found = app.extensions.get(_KEY, HotRoutes())
    assert isinstance(found, HotRoutes)  # noqa: S101  (attach() is the only writer)
    return found


def _blueprint(routes: HotRoutes) -> Blueprint:
    blueprint = Blueprint("hot", __name__)
    for each in routes.all:
        rule = f"{each.path}<path:flag>" if each.path.endswith("/") else each.path
        blueprint.add_url_rule(rule, each.name, _view(each), methods=list(each.methods))
    return blueprint


def _view(route: HotRoute) -> Callable[..., Response]:
    def view(**_parts: str) -> Response:
        answer = answer_hot(route, _request())
        response = Response(answer.body, answer.status)
        # As they are: Flask would add a type and a length of its own.
        response.headers.clear()
        response.headers.extend(answer.headers)
        response.automatically_set_content_length = False
        return response

    return view


def _request() -> HotRequest:
    return HotRequest(
        method=request.method,
        path=request.path,
        query=request.query_string.decode("latin-1"),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.get_data(cache=False) if request.method == "POST" else b"",
    )
