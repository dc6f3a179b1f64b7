import pytest
from flask.testing import FlaskClient

from flags import service
from flags.model import FlagEdit
from pointsman.core.codec import decode
from runtime.database import Database
from tests.flags.making import ANNA, PROD, counted, demo
from tests.flags.web import application


@pytest.fixture
def secret(sqlite_database: Database) -> str:
    with sqlite_database.session() as session:
        demo(session)
        return service.create_sdk_key(session, ANNA, "demo", "prod", name="test").secret


@pytest.fixture
def client(sqlite_database: Database) -> FlaskClient:
    return application(sqlite_database).test_client()


def bearer(secret: str, etag: str | None = None) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {secret}"}
    return headers if etag is None else headers | {"If-None-Match": etag}


def test_the_ruleset_comes_with_a_strong_tag(client: FlaskClient, secret: str) -> None:
    answer = client.get("/v1/ruleset", headers=bearer(secret))

    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert decode(answer.data).flags.keys() == {"ranker"}
    assert answer.headers["ETag"].startswith('"')
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in answer.headers["Vary"]


@pytest.mark.parametrize("spelling", ["{}", "W/{}", '"other", {}', "*"])
def test_who_has_it_gets_304_without_a_body(client: FlaskClient, secret: str, spelling: str) -> None:
    etag = client.get("/v1/ruleset", headers=bearer(secret)).headers["ETag"]
    before = counted("pointsman_rulesets_served_total", status="304")

    answer = client.get("/v1/ruleset", headers=bearer(secret, spelling.format(etag)))

    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == etag
    assert counted("pointsman_rulesets_served_total", status="304") == before + 1


def test_a_change_brings_a_new_ruleset_with_the_next_request(
    client: FlaskClient, secret: str, sqlite_database: Database
) -> None:
    etag = client.get("/v1/ruleset", headers=bearer(secret)).headers["ETag"]

    with sqlite_database.session() as session:
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)
    answer = client.get("/v1/ruleset", headers=bearer(secret, etag))

    assert answer.status_code == 200
    assert decode(answer.data).flags["ranker"].enabled
    assert decode(answer.data).revision == 2


def test_a_rename_changes_no_byte(client: FlaskClient, secret: str, sqlite_database: Database) -> None:
    etag = client.get("/v1/ruleset", headers=bearer(secret)).headers["ETag"]

    with sqlite_database.session() as session:
        service.edit_flag(session, ANNA, "demo", "ranker", FlagEdit(name="New"), expected_version=1)

    assert client.get("/v1/ruleset", headers=bearer(secret, etag)).status_code == 304


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic abc",
        "Bearer \xff\xfe",
        "bearer psk_prod_x",
        "Bearer " + "x" * 9_000,
    ],
)
def test_a_stranger_gets_401_in_our_shape(client: FlaskClient, secret: str, header: str) -> None:
    answer = client.get("/v1/ruleset", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.get_json()["error"]["code"] == "unauthenticated"


def test_a_revoked_key_is_a_strangers(client: FlaskClient, secret: str, sqlite_database: Database) -> None:
    etag = client.get("/v1/ruleset", headers=bearer(secret)).headers["ETag"]

    with sqlite_database.session() as session:
        service.revoke_sdk_key(session, ANNA, "demo", "prod", 1)

    assert client.get("/v1/ruleset", headers=bearer(secret, etag)).status_code == 401


def test_other_methods_are_refused(client: FlaskClient, secret: str) -> None:
    assert client.post("/v1/ruleset", headers=bearer(secret)).status_code == 405
    assert client.head("/v1/ruleset", headers=bearer(secret)).data == b""
