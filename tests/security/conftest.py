"""One real platform for every test over the wire, and one real application for those that need breadth."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
import urllib3
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from runtime import migrations
from runtime.database import Database
from runtime.settings import Settings
from runtime.web.auth import COOKIE
from runtime.web.limits import limiter
from runtime.web.state import state
from tests.platform import opened, platform
from tests.security.site import PATIENCE_S, Secrets, Site, furnish
from tests.servers import PostgresServer


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running web server; no worker, so that what was acknowledged stays countable in the inbox."""
    with platform(tmp_path_factory.mktemp("site")) as running, opened(running.settings) as database:
        secrets = furnish(database)
        running.start("web")
        running.wait_until_ready()
        with urllib3.HTTPConnectionPool(
            running.settings.host, running.settings.port, timeout=PATIENCE_S, maxsize=2
        ) as pool:
            yield Site(base_url=running.settings.base_url, database=database, secrets=secrets, pool=pool)


@pytest.fixture
def unharmed(site: Site) -> Iterator[Site]:
    """The site; when the test is done it still serves, and holds exactly what it held before."""
    before = site.stored()
    yield site
    assert site.stored() == before


@dataclass(frozen=True, kw_only=True)
class Application:
    """The whole application on a database of its own, without a server around it."""

    app: Flask
    database: Database
    secrets: Secrets

    def visitor(self) -> FlaskClient:
        """A browser without any cookie."""
        return self.app.test_client()

    def ada(self) -> FlaskClient:
        """Ada's browser."""
        client = self.app.test_client()
        client.set_cookie(COOKIE, self.secrets.session)
        return client

    def submit(self, path: str, form: dict[str, Any]) -> TestResponse:
        """Ada submits a form, its CSRF token included."""
        client = self.ada()
        cookie, token = self._token
        client.set_cookie("session", cookie)
        return client.post(path, data=form | {"csrf_token": token})

    @cached_property
    def _token(self) -> tuple[str, str]:
        """A cookie and the token for forms that goes with it."""
        client = self.visitor()
        page = client.get("/sign-in").text
        cookie = client.get_cookie("session")
        assert cookie is not None
        return cookie.value, page.partition('name="csrf_token" value="')[2].partition('"')[0]


def furnished(settings: Settings) -> Iterator[Application]:
    """The application that production would run with these settings."""
    migrations.upgrade(settings)
    with opened(settings) as database:
        secrets = furnish(database)
        app = create_app(settings)
        yield Application(app=app, database=database, secrets=secrets)
        limiter.reset()
        with app.app_context():
            state().database.close()


@pytest.fixture(scope="package")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    yield from furnished(Settings(data_dir=tmp_path_factory.mktemp("sqlite")))


@pytest.fixture(scope="package")
def on_postgres(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[Application]:
    url = postgres_server.new_database()
    yield from furnished(Settings(data_dir=tmp_path_factory.mktemp("postgres"), database_url=url))
    postgres_server.drop(url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def either(request: pytest.FixtureRequest) -> Application:
    """The application on each database: they refuse different things."""
    found: Application = request.getfixturevalue(f"on_{request.param}")
    return found
