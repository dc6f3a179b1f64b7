"""Signing in: nobody is led astray, no cookie is readable, and guessing is slow."""

import re
from http.cookies import SimpleCookie

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from runtime.web.auth import COOKIE
from runtime.web.limits import limiter
from tests.security.application import Application
from tests.security.site import ADA, PASSWORD

ASTRAY = [
    "http://evil.example",
    "https://evil.example/flags",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\t\\evil.example",
    "/\n/evil.example",
    "/\r\n\\evil.example",
    "\t//evil.example",
    " //evil.example",
    "/\x00/evil.example",
    "http:evil.example",
    "http:/evil.example",
    "http:///evil.example",
    "http://[",
    "//[::1",
    "//evil.example:notaport",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "evil.example",
    "@evil.example",
    "/\r\nSet-Cookie: x=1",
    "/" + "a" * 100_000,
    "",
]


def token_of(page: str) -> str:
    return page.partition('name="csrf_token" value="')[2].partition('"')[0]


def sign_in(client: FlaskClient, password: str = PASSWORD, **form: str) -> TestResponse:
    token = token_of(client.get("/sign-in").text)
    return client.post("/sign-in", data={"email": ADA, "password": password, "csrf_token": token} | form)


@pytest.fixture(autouse=True)
def patient(on_sqlite: Application) -> None:
    limiter.reset()


# Few, for each checks a password, which takes its time.
@pytest.mark.parametrize("target", ASTRAY[1:24:4])
def test_signing_in_leads_nowhere_else(on_sqlite: Application, target: str) -> None:
    answer = sign_in(on_sqlite.visitor(), next=target)

    assert answer.status_code == 303
    # What browsers make of it: they drop tabs and line breaks, and take a backslash for a slash.
    seen = re.sub(r"[\t\r\n]", "", answer.headers["Location"]).replace("\\", "/")
    assert seen.startswith("/")
    assert not seen.startswith("//")


@pytest.mark.parametrize("target", ASTRAY)
def test_the_form_keeps_no_foreign_target(on_sqlite: Application, target: str) -> None:
    answer = on_sqlite.visitor().get("/sign-in", query_string={"next": target})

    kept = answer.text.partition('name="next" value="')[2].partition('"')[0]
    assert answer.status_code == 200
    assert kept.startswith("/")
    assert not kept.startswith(("//", "/\\"))
    assert len(kept) < 3_000


def test_a_stranger_comes_back_to_the_page_that_was_asked_for(on_sqlite: Application) -> None:
    client = on_sqlite.visitor()
    sent = client.get("/p/demo/prod/flags?q=a%26b").headers["Location"]

    target = client.get(sent).text.partition('name="next" value="')[2].partition('"')[0]
    answer = sign_in(client, next=target.replace("&amp;", "&"))

    assert answer.headers["Location"] == "/p/demo/prod/flags?q=a%26b"


def test_the_sessions_cookie_is_hidden_from_scripts_and_other_sites(on_sqlite: Application) -> None:
    answer = sign_in(on_sqlite.visitor())

    cookie = SimpleCookie("\n".join(answer.headers.getlist("Set-Cookie")))[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert int(cookie["max-age"]) <= 12 * 3600


def test_the_forms_cookie_is_hidden_too(on_sqlite: Application) -> None:
    answer = on_sqlite.visitor().get("/sign-in")

    cookie = SimpleCookie("\n".join(answer.headers.getlist("Set-Cookie")))["session"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_a_made_up_session_is_nobodys(on_sqlite: Application) -> None:
    for value in ("", "x", "pss_" + "x" * 43, "x" * 3_000, "ÿ\x00", "' OR 1=1 --"):
        client = on_sqlite.visitor()
        client.set_cookie(COOKIE, value)

        assert client.get("/projects").headers["Location"] == "/sign-in?next=/projects"


def test_guessing_passwords_is_stopped_after_twenty(on_sqlite: Application) -> None:
    client = on_sqlite.visitor()
    token = token_of(client.get("/sign-in").text)
    form = {"email": ADA, "password": "wrong", "csrf_token": token}

    statuses = [client.post("/sign-in", data=form).status_code for _ in range(22)]

    assert statuses == [401] * 20 + [429] * 2
    refused = client.post("/sign-in", data=form | {"password": PASSWORD})
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert COOKIE not in refused.headers.get("Set-Cookie", "")


def test_guessing_links_is_stopped_after_twenty(on_sqlite: Application) -> None:
    client = on_sqlite.visitor()

    statuses = [client.get(f"/sign-in/psl_{n}").status_code for n in range(22)]

    assert statuses == [401] * 20 + [429] * 2


def test_a_forged_address_does_not_buy_more_guesses(on_sqlite: Application) -> None:
    client = on_sqlite.visitor()

    statuses = [
        client.get(f"/sign-in/psl_{n}", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code
        for n in range(22)
    ]

    assert statuses[-1] == 429


ODD = ["", "x", "\x00", "ada@example.org\x00", "a" * 200_000, "ÿ@ÿ", "' OR 1=1 --", "\u202e@\u202e", "<b>@x"]


@pytest.mark.parametrize("email", ODD, ids=range(len(ODD)))
def test_odd_credentials_are_wrong_ones(either: Application, email: str) -> None:
    limiter.reset()
    client = either.visitor()

    answer = sign_in(client, email if len(email) < 100 else "x", email=email)

    assert answer.status_code == 401
    assert "<b>@x" not in answer.text
