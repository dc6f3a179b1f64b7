import gzip

import pytest
import zstandard
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flags import service
from flags.model import FlagEdit, KeyKind
from pointsman.core.codec import decode
from runtime.database import Database
from tests.flags.making import ANNA, PROD, counted, demo, flag
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


def body_of(answer: TestResponse) -> bytes:
    """Unpacked as its header says."""
    match answer.headers.get("Content-Encoding"):
        case "gzip":
            return bytes(gzip.decompress(answer.data))
        case "zstd":
            return bytes(zstandard.ZstdDecompressor().decompress(answer.data))
        case _:
            return bytes(answer.data)


@pytest.fixture
def long_secret(sqlite_database: Database, secret: str) -> str:
    """The key of a ruleset that is worth packing."""
    with sqlite_database.session() as session:
        for number in range(20):
            flag(session, f"flag-{number}")
    return secret


@pytest.mark.parametrize(
    ("accepted", "packing"),
    [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0.5, identity;q=1", None),
        ("gzip;q=0, zstd;q=0", None),
        ("br", None),
        ("*", None),
        ("GZIP", "gzip"),
        ("gzip;q=nonsense", None),
    ],
)
def test_a_ruleset_is_packed_as_the_client_likes_it_best(
    client: FlaskClient, long_secret: str, accepted: str, packing: str | None
) -> None:
    plain = client.get("/v1/ruleset", headers=bearer(long_secret))

    packed = client.get("/v1/ruleset", headers=bearer(long_secret) | {"Accept-Encoding": accepted})

    assert packed.headers.get("Content-Encoding") == packing
    assert body_of(packed) == plain.data
    assert (packed.headers["ETag"] == plain.headers["ETag"]) == (packing is None)
    assert packed.headers["Vary"] == "Authorization, Accept-Encoding"


@pytest.mark.parametrize("had", ["gzip", "zstd", "identity"])
@pytest.mark.parametrize("asks", ["gzip", "zstd", "identity"])
def test_the_tag_of_any_packing_is_known(client: FlaskClient, long_secret: str, had: str, asks: str) -> None:
    first = client.get("/v1/ruleset", headers=bearer(long_secret) | {"Accept-Encoding": had})

    again = client.get(
        "/v1/ruleset", headers=bearer(long_secret, first.headers["ETag"]) | {"Accept-Encoding": asks}
    )

    assert again.status_code == 304


def test_a_client_key_gets_no_rules(client: FlaskClient, secret: str, sqlite_database: Database) -> None:
    with sqlite_database.session() as session:
        made = service.create_sdk_key(session, ANNA, "demo", "prod", name="web", kind=KeyKind.CLIENT)

    answer = client.get("/v1/ruleset", headers=bearer(made.secret))
    whole = client.get("/v1/ruleset", headers=bearer(secret))

    assert made.secret.startswith("psc_prod_")
    assert answer.get_json() == {
        "project": "demo",
        "environment": "prod",
        "revision": 1,
        "flags": {"ranker": {"enabled": False, "kind": "model"}},
    }
    assert answer.headers["ETag"] != whole.headers["ETag"]
