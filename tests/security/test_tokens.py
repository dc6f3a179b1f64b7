"""What a token does not allow is refused on every route, pages included."""

from datetime import UTC, datetime

import pytest

from runtime.accounts import tokens
from runtime.accounts.tokens import Scope
from runtime.actors import SYSTEM
from tests.security.application import Application
from tests.security.routes import Route, routes


def token(application: Application, name: str, scope: Scope, project: str | None) -> dict[str, str]:
    with application.database.session() as session:
        secret = tokens.create_api_token(
            session, SYSTEM, name, now=datetime.now(UTC), scope=scope, project=project
        )
    return {"Authorization": f"Bearer {secret}"}


def api_routes(application: Application) -> list[Route]:
    return [each for each in routes(application.app) if each.path.startswith("/api/v1/")]


def test_a_reading_token_changes_nothing_anywhere(on_sqlite: Application) -> None:
    headers = token(on_sqlite, "reader", Scope.READ, None)
    client = on_sqlite.visitor()

    answers = {
        str(route): client.open(route.path, method=route.method, headers=headers, json={}).status_code
        for route in api_routes(on_sqlite)
        if route.method not in {"GET", "HEAD"}
    }

    assert answers
    assert set(answers.values()) == {403}


def test_a_token_of_one_project_opens_no_other(on_sqlite: Application) -> None:
    headers = token(on_sqlite, "elsewhere", Scope.WRITE, "elsewhere")
    client = on_sqlite.visitor()

    answers = {
        str(route): client.open(route.path, method=route.method, headers=headers, json={}).status_code
        for route in api_routes(on_sqlite)
    }

    assert set(answers.values()) == {403}


def test_a_token_opens_what_it_says(on_sqlite: Application) -> None:
    headers = token(on_sqlite, "demo-reader", Scope.READ, "demo")

    answer = on_sqlite.visitor().get("/api/v1/projects/demo/flags", headers=headers)

    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_token_makes_another(on_sqlite: Application, method: str) -> None:
    headers = token(on_sqlite, f"maker-{method}", Scope.WRITE, None)

    answer = on_sqlite.visitor().open("/tokens", method=method, headers=headers)

    assert answer.status_code in {400, 403}


def test_a_person_makes_and_revokes_a_token(on_sqlite: Application) -> None:
    made = on_sqlite.submit("/tokens", {"name": "mine", "scope": "read", "days": "7"})
    refused = on_sqlite.submit("/tokens", {"name": "mine", "scope": "read", "days": "7"})
    revoked = on_sqlite.submit("/tokens/revoke", {"name": "mine"})

    assert (made.status_code, refused.status_code, revoked.status_code) == (200, 422, 303)
    assert 'id="secret">pst_' in made.text
    assert "exists; choose another name" in refused.text
    assert "revoked" in on_sqlite.ada().get("/tokens").text


@pytest.mark.parametrize(
    ("field", "value"), [("days", "0"), ("days", "²"), ("days", "9" * 40), ("scope", "root"), ("name", "")]
)
def test_a_wrong_field_is_named(on_sqlite: Application, field: str, value: str) -> None:
    form = {"name": f"t-{field}-{value[:3]}", "scope": "read", "days": "7"} | {field: value}

    answer = on_sqlite.submit("/tokens", form)

    assert answer.status_code == 422
    assert f'id="problem-{field}"' in answer.text
