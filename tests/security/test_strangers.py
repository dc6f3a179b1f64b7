"""Every route of the application: strangers and forged forms are refused, no answer lacks its headers."""

from typing import Final

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.security.application import Application
from tests.security.routes import routes

# All that somebody nobody knows may have: signing in and out, looks, health, and the API's own description.
OPEN: Final = {
    "accounts.sign_in",
    "accounts.sign_in_by_link",
    "accounts.sign_in_with_password",
    "accounts.sign_out",
    "health.health",
    "health.metrics",
    "health.ready",
    "openapi.doc_url",
    "openapi.openapi",
    "openapi.static",
    "static",
}


def ask(client: FlaskClient, path: str, method: str = "GET") -> TestResponse:
    """The answer, read to its end: a file sent by it is closed then."""
    return client.open(path, method=method, buffered=True)


def test_the_open_routes_are_exactly_these(on_sqlite: Application) -> None:
    opened = set()
    for route in routes(on_sqlite.app):
        answer = ask(on_sqlite.visitor(), route.path, route.method)
        sent_away = answer.headers.get("Location", "").startswith("/sign-in?next=")
        if not (answer.status_code == 401 or sent_away or "CSRF token" in answer.text):
            opened.add(route.endpoint)

    assert opened <= OPEN, f"these are open to strangers: {opened - OPEN}"


def test_a_stranger_with_a_token_for_forms_is_refused_all_the_same(on_sqlite: Application) -> None:
    for route in routes(on_sqlite.app):
        if route.method != "POST" or route.endpoint in OPEN:
            continue
        client = on_sqlite.visitor()
        token = client.get("/sign-in").text.partition('name="csrf_token" value="')[2].partition('"')[0]

        answer = client.post(route.path, data={"csrf_token": token, "press": "save", "version": "1"})

        assert answer.status_code == 401, route


def test_no_form_is_accepted_without_its_token(on_sqlite: Application) -> None:
    tried = 0
    for route in routes(on_sqlite.app):
        if route.method != "POST" or route.is_for_programs:
            continue
        answer = on_sqlite.ada().post(route.path, data={"press": "save", "version": "1"})

        assert (answer.status_code, "CSRF" in answer.text) == (400, True), route
        tried += 1
    assert tried >= 15


def test_another_site_cannot_use_a_persons_cookie_on_the_api(on_sqlite: Application) -> None:
    for route in routes(on_sqlite.app):
        if not route.path.startswith("/api/") or route.method not in {"POST", "PUT", "PATCH"}:
            continue
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = on_sqlite.ada().open(
                route.path, method=route.method, data=b'{"expected_version": 1}', content_type=kind
            )

            assert answer.status_code == 422, route
            assert answer.json is not None
            assert answer.json["error"]["field"] == "Content-Type", route


def test_every_answer_carries_the_headers_that_protect_it(on_sqlite: Application) -> None:
    clients = {"a stranger": on_sqlite.visitor(), "Ada": on_sqlite.ada()}
    gets = [route.path for route in routes(on_sqlite.app) if route.method == "GET"]
    for path in [
        *gets,
        "/nowhere",
        "/api/v1/nowhere",
        "/v1/events",
        "/p/no/such/flags",
        "/static/nothing.css",
    ]:
        for name, client in clients.items():
            answer = ask(client, path)

            policy = answer.headers.get("Content-Security-Policy", "")
            assert "default-src 'none'" in policy, (name, path)
            assert "frame-ancestors 'none'" in policy, (name, path)
            assert "unsafe" not in policy, (name, path)
            assert answer.headers.get("X-Content-Type-Options") == "nosniff", (name, path)
            assert answer.headers.get("Referrer-Policy") == "same-origin", (name, path)
            assert answer.status_code < 500 or path == "/readyz", (name, path)
            if answer.mimetype == "text/html":
                assert answer.headers.get("Cache-Control") == "no-store", (name, path)


def test_no_page_says_what_only_programs_need_to_know(on_sqlite: Application) -> None:
    secrets = on_sqlite.secrets
    for route in routes(on_sqlite.app):
        if route.method != "GET":
            continue
        text = ask(on_sqlite.ada(), route.path).text

        for secret in (secrets.sdk_key, secrets.api_token, secrets.session):
            assert secret not in text, route
