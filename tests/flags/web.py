"""The flags house's routes as an application of their own."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI
from werkzeug.test import TestResponse

from flags.access import Accesses
from flags.cache import MemoryRulesetCache
from flags.guards import Guards
from flags.publisher import Publisher
from flags.rates import Rates
from flags.serving import Serving
from flags.web import api, delivery, ofrep
from flags.web import state as flags_state
from flags.web.protocols import exports, flagd, growthbook
from runtime.accounts import service as accounts
from runtime.actors import SYSTEM
from runtime.changes import changes_of
from runtime.database import Database
from runtime.settings import Settings
from runtime.web import errors, hot_flask, security, state
from runtime.web.hot import HotRoutes

GROWTHBOOK = growthbook.GrowthBook(environments=frozenset({"demo/prod"}), stream_url="http://127.0.0.1:8001")


def application(database: Database, guards: Guards = ()) -> OpenAPI:
    """Delivery and API, wired as app.py wires them."""
    app = OpenAPI("flags-tests", validation_error_callback=api.refuse_model)
    state.attach(app, state.WebState(settings=Settings(), database=database))
    publisher = Publisher((MemoryRulesetCache(),))
    flags_state.attach(app, flags_state.FlagsState(publisher=publisher, guards=guards))
    errors.register(app)
    security.register(app)
    hot_flask.attach(app, hot_routes(database, publisher))
    app.register_api(api.blueprint)
    return app


def hot_routes(
    database: Database, publisher: Publisher, *, rate: int = 0, stream_url: str | None = None
) -> HotRoutes:
    """Delivery and OFREP as the front gets them."""
    accesses = Accesses(database, changes_of(database.engine))
    serving = Serving(database=database, publisher=publisher, accesses=accesses)
    protocol = ofrep.Ofrep(rates=Rates(rate), stream_url=lambda _: stream_url)
    return HotRoutes(
        (
            *delivery.routes(serving),
            *ofrep.routes(serving, protocol),
            *flagd.routes(serving),
            *growthbook.routes(serving, GROWTHBOOK),
            *exports.routes(serving, GROWTHBOOK.environments),
        )
    )


@dataclass(frozen=True, kw_only=True)
class Api:
    """The admin API as a program with a token sees it."""

    client: FlaskClient
    token: str

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> TestResponse:
        """One request; ``path`` below /api/v1. The body keeps its order (the client's own JSON sorts)."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            more |= {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.open(f"/api/v1{path}", method=method, headers=headers, **more)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a request that must succeed."""
        answer = self.call(method, path, body)
        assert answer.status_code in {200, 201}, answer.text
        return answer.get_json()


def api_of(database: Database, guards: Guards = ()) -> Api:
    """An API client with a fresh token."""
    with database.session() as session:
        token = accounts.create_api_token(session, SYSTEM, "tests", now=datetime.now(UTC))
    return Api(client=application(database, guards).test_client(), token=token)
