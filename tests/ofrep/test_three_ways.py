"""Every hot request is answered alike by Flask, on a thread, and at once on the event loop."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from runtime.settings import Settings
from runtime.web.hot import HotRequest, answer_at_once, answer_hot
from runtime.web.hot_flask import hot_routes
from runtime.web.state import state
from runtime.web.wsgi import Answer, answer_of, environ_of
from tests.ofrep.furnishing import Keys, furnish
from tests.platform import migrate, opened
from tests.runtime.rsgi import Headers, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The application with furnished flags."""

    app: Flask
    keys: Keys


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder: Path = tmp_path_factory.mktemp("hot")
    settings = Settings(data_dir=folder)
    migrate(settings)
    with opened(settings) as database:
        keys = furnish(database)
    app = create_app(settings)
    yield Installed(app=app, keys=keys)
    with app.app_context():
        state().database.close()


def by_flask(app: Flask, request: HotRequest) -> Answer:
    scope = Scope(
        method=request.method,
        path=request.path,
        query_string=request.query,
        headers=Headers(*request.headers.items()),
    )
    return answer_of(app, environ_of(scope, BytesIO(request.body), len(request.body)))


def alike(one: Answer, other: Answer) -> bool:
    return (one.status, sorted(one.headers), one.body) == (other.status, sorted(other.headers), other.body)


def context(**attributes: object) -> bytes:
    return json.dumps({"context": {"targetingKey": "user-1", **attributes}}).encode()


BULK, SINGLE = "/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/ranker"
JSON = {"content-type": "application/json"}
REQUESTS = {
    "ruleset": ("GET", "/v1/ruleset", {}, b""),
    "ruleset in gzip": ("GET", "/v1/ruleset", {"accept-encoding": "gzip"}, b""),
    "ruleset in zstd": ("GET", "/v1/ruleset", {"accept-encoding": "zstd, gzip;q=0.5"}, b""),
    "head of a ruleset": ("HEAD", "/v1/ruleset", {}, b""),
    "ruleset known": ("GET", "/v1/ruleset", {"if-none-match": "*"}, b""),
    "single": ("POST", SINGLE, JSON, context(country="DE")),
    "single unknown": ("POST", "/ofrep/v1/evaluate/flags/a/b", JSON, context()),
    "single without unit": ("POST", SINGLE, JSON, b'{"context":{}}'),
    "single in no JSON": ("POST", SINGLE, JSON, b"{"),
    "single as a form": ("POST", SINGLE, {"content-type": "text/plain"}, context()),
    "single in umlauts": ("POST", "/ofrep/v1/evaluate/flags/äöü", JSON, context()),
    "preflight": ("OPTIONS", SINGLE, {"origin": "http://shop.example"}, b""),
    "bulk": ("POST", BULK, JSON, context(country="FR")),
    "bulk known": ("POST", BULK, {**JSON, "if-none-match": "*"}, context()),
    "bulk too large": ("POST", BULK, JSON, context(note="x" * 70_000)),
    "events in no JSON": ("POST", "/v1/events", JSON, b"{"),
}


@pytest.mark.parametrize("kind", ["server", "client", "nobody", "wrong"])
@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_answered_alike_whichever_way_it_takes(
    installed: Installed, name: str, kind: str
) -> None:
    method, path, headers, body = REQUESTS[name]
    secret = {"server": installed.keys.server, "client": installed.keys.client, "wrong": "psk_x"}.get(kind)
    key = {} if secret is None else {"authorization": f"Bearer {secret}"}
    request = HotRequest(method=method, path=path, headers=headers | key, body=body)
    route = hot_routes(installed.app).find(method, path)
    assert route is not None

    through_flask = by_flask(installed.app, request)
    on_a_thread = answer_hot(route, request)
    at_once = answer_at_once(route, request)

    assert alike(through_flask, on_a_thread)
    assert at_once is None or alike(at_once, on_a_thread)
    assert (at_once is None) == (path == "/v1/events" or (kind == "wrong" and method != "OPTIONS"))


def test_what_a_hot_route_does_not_know_goes_to_flask(installed: Installed) -> None:
    routes = hot_routes(installed.app)

    for method, path in (("DELETE", BULK), ("GET", SINGLE), ("POST", f"{BULK}/"), ("GET", "/v1/events")):
        refused = by_flask(installed.app, HotRequest(method=method, path=path, headers={}))
        assert routes.find(method, path) is None
        assert refused.status in {404, 405}
        assert json.loads(refused.body)["error"]["message"]
