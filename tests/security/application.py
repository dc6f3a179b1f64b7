"""The whole application in this process, for tests that need breadth rather than a wire."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from runtime.database import Database
from runtime.settings import Settings
from runtime.web.auth import COOKIE
from runtime.web.limits import limiter
from runtime.web.state import state
from tests.platform import migrate, opened
from tests.security.site import Secrets, furnish


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


@contextmanager
def furnished(settings: Settings) -> Iterator[Application]:
    """The application that production would run with these settings."""
    migrate(settings)
    with opened(settings) as database:
        secrets = furnish(database)
        app = create_app(settings)
        yield Application(app=app, database=database, secrets=secrets)
        limiter.reset()
        with app.app_context():
            state().database.close()
