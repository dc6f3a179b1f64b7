"""What OFREP says beyond what the providers ask."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flags import queries, service
from flags.cache import MemoryRulesetCache
from flags.evaluations import Answers
from flags.model import FlagAt, RuleDraft, Targeting
from flags.publisher import Publisher
from pointsman.core.codec import decode
from pointsman.core.evaluation import Evaluation
from runtime.database import Database
from runtime.web.hot import HotRequest, HotRoutes, answer_at_once, answer_hot
from tests.flags.making import ANNA, PROD
from tests.flags.sticky import expose, served, sticky_flag, variants
from tests.flags.web import application, hot_routes
from tests.ofrep.furnishing import KINDS, Keys, furnish

BULK = "/ofrep/v1/evaluate/flags"
STICKY = json.dumps(
    {
        "format": 2,
        "project": "demo",
        "environment": "prod",
        "revision": 1,
        "flags": {
            "ranker": {
                "kind": "string",
                "salt": "s",
                "enabled": True,
                "version": 1,
                "sticky": True,
                "off": "v1",
                "default": "v1",
                "variants": {"v1": "a", "v2": "b"},
                "rules": [],
            }
        },
    }
).encode()
THEME = FlagAt("demo", "prod", "theme")


@pytest.fixture
def keys(sqlite_database: Database) -> Keys:
    return furnish(sqlite_database)


@pytest.fixture
def client(sqlite_database: Database) -> FlaskClient:
    return application(sqlite_database).test_client()


def ask(client: FlaskClient, keys: Keys, body: Any, path: str = BULK, **headers: str) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    usual = {"Authorization": f"Bearer {keys.client}", "Content-Type": "application/json"}
    return client.post(path, data=data, headers=usual | headers)


USER = {"context": {"targetingKey": "user-1"}}


def test_bulk_evaluates_every_flag_the_disabled_ones_too(client: FlaskClient, keys: Keys) -> None:
    answer = ask(client, keys, USER).get_json()

    found = {flag["key"]: flag for flag in answer["flags"]}
    assert found.keys() == KINDS.keys()
    assert found["asleep"]["reason"] == "DISABLED"
    assert all(flag["variant"] for flag in found.values())
    assert {flag["reason"] for flag in found.values()} <= {
        *("STATIC", "TARGETING_MATCH", "SPLIT", "DISABLED", "UNKNOWN")
    }
    assert "value" not in found["nothing"]


def test_a_float_flag_is_sent_with_a_decimal_point(client: FlaskClient, keys: Keys) -> None:
    assert b'"key":"share","value":1.0,' in ask(client, keys, USER).data
    assert b'"key":"whole","value":1,' in ask(client, keys, USER).data


def test_bulk_is_304_until_an_answer_changes(
    client: FlaskClient, keys: Keys, sqlite_database: Database
) -> None:
    etag = ask(client, keys, USER).headers["ETag"]

    again = ask(client, keys, USER, **{"If-None-Match": f"W/{etag}"})
    somebody_else = ask(
        client, keys, {"context": {"targetingKey": "user-1", "country": "DE"}}, **{"If-None-Match": etag}
    )
    with sqlite_database.session() as session:
        service.set_enabled(session, ANNA, THEME, enabled=False, expected_version=2)
    after = ask(client, keys, USER, **{"If-None-Match": etag})

    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    assert somebody_else.status_code == 200
    assert after.status_code == 200
    assert after.headers["ETag"] != etag


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "PARSE_ERROR"),
        (b"[]", "PARSE_ERROR"),
        (b'{"context":{"targetingKey":NaN}}', "PARSE_ERROR"),
        (b'{"context":{"a":1,"a":2,"targetingKey":"u"}}', "PARSE_ERROR"),
        (b"\xff", "PARSE_ERROR"),
        (b'{"context":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001, "PARSE_ERROR"),
        (b"1" * 5_000, "PARSE_ERROR"),
        ({}, "INVALID_CONTEXT"),
        ({"context": []}, "INVALID_CONTEXT"),
        ({"context": {"targetingKey": 7}}, "INVALID_CONTEXT"),
        ({"context": {"targetingKey": "a\ud800"}}, "INVALID_CONTEXT"),
        ({"context": {"targetingKey": "u", "note": "x" * 70_000}}, "INVALID_CONTEXT"),
        ({"context": {}}, "TARGETING_KEY_MISSING"),
        ({"context": {"targetingKey": ""}}, "TARGETING_KEY_MISSING"),
    ],
)
@pytest.mark.parametrize("path", [BULK, f"{BULK}/theme"])
def test_a_request_that_cannot_be_evaluated_says_why(
    client: FlaskClient, keys: Keys, body: Any, code: str, path: str
) -> None:
    answer = ask(client, keys, body, path)

    assert answer.status_code == 400
    assert answer.get_json()["errorCode"] == code
    assert answer.get_json()["errorDetails"]
    assert answer.get_json().get("key") == (None if path == BULK else "theme")


def test_evaluating_leaves_no_trace(client: FlaskClient, keys: Keys, sqlite_database: Database) -> None:
    with sqlite_database.reading() as session:
        before = session.connection().exec_driver_sql("PRAGMA data_version").scalar_one()
        for _ in range(3):
            ask(client, keys, USER)
            ask(client, keys, USER, f"{BULK}/theme")

    with sqlite_database.reading() as session:
        assert session.connection().exec_driver_sql("PRAGMA data_version").scalar_one() == before


def request_of(keys: Keys, path: str = BULK, **more: Any) -> HotRequest:
    headers = {"authorization": f"Bearer {keys.client}", "content-type": "application/json"}
    return HotRequest(method="POST", path=path, headers=headers, body=json.dumps(USER).encode(), **more)


def routes(database: Database, **more: Any) -> HotRoutes:
    return hot_routes(database, Publisher((MemoryRulesetCache(),)), **more)


def test_units_of_a_flag_that_keeps_more_than_it_hands_out_are_looked_up_and_newcomers_get_the_present_split(
    sqlite_database: Database,
) -> None:
    with sqlite_database.session() as session:
        sticky_flag(session)
        before = served(session, [f"u{n}" for n in range(40)])
        expose(session, before.values())
        version = queries.get_state(session, PROD).version
        draft = Targeting(
            rules=(RuleDraft(id="r1", weights={"v1": 10_000, "v2": 90_000}),), default="v1", off="v1"
        )
        service.set_targeting(session, replace(ANNA, kept_units=10), PROD, draft, expected_version=version)
        key = service.create_sdk_key(session, ANNA, "demo", "prod", name="tests")
        stored = queries.count_assignments(session, PROD)
    client = application(sqlite_database).test_client()
    keys = Keys(server=key.secret, client=key.secret)

    single = {unit: ask(client, keys, context(unit), f"{BULK}/ranker").get_json() for unit in before}
    bulk = {unit: ask(client, keys, context(unit)).get_json()["flags"][0] for unit in before}
    new = [ask(client, keys, context(f"n{n}"), f"{BULK}/ranker").get_json() for n in range(200)]

    assert {unit: found["variant"] for unit, found in single.items()} == variants(before)
    assert {unit: found["variant"] for unit, found in bulk.items()} == variants(before)
    assert sum(found["variant"] == "v2" for found in new) == pytest.approx(180, abs=15)
    with sqlite_database.reading() as session:
        assert queries.count_assignments(session, PROD) == stored, "evaluating enrols nobody"


def test_two_threads_that_look_up_different_units_do_not_see_each_others() -> None:
    both = {"u1": "v1", "u2": "v2"}
    answers = Answers(Evaluation(decode(STICKY)), asks=True)
    meet = Barrier(2)

    def look(unit: str) -> set[object]:
        meet.wait()
        return {answers.knowing("ranker", unit, {}, {"ranker": both[unit]}).variant for _ in range(2_000)}

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(look, both))

    assert found == [{"v1"}, {"v2"}]


def context(unit: str) -> dict[str, object]:
    return {"context": {"targetingKey": unit}}


def test_a_key_that_asks_too_often_is_told_when_to_come_back(keys: Keys, sqlite_database: Database) -> None:
    route = routes(sqlite_database, rate=2).find("POST", BULK)
    assert route is not None

    answers = [answer_hot(route, request_of(keys)) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert dict(answers[2].headers)["Retry-After"] == "1"
    assert json.loads(answers[2].body)["errorDetails"]


def test_bulk_names_the_stream_of_changes(keys: Keys, sqlite_database: Database) -> None:
    route = routes(sqlite_database, stream_url="http://127.0.0.1:1/s?ticket=t").find("POST", BULK)
    assert route is not None

    streams = json.loads(answer_hot(route, request_of(keys)).body)["eventStreams"]

    assert streams == [{"type": "sse", "url": "http://127.0.0.1:1/s?ticket=t", "inactivityDelaySec": 120}]


def test_what_the_stream_said_is_believed_over_memory(keys: Keys, sqlite_database: Database) -> None:
    route = routes(sqlite_database).find("POST", BULK)
    assert route is not None
    answer_hot(route, request_of(keys))

    remembered = answer_at_once(route, request_of(keys))
    told_of_news = answer_at_once(route, request_of(keys, query="flagConfigEtag=99-new"))

    assert remembered is not None
    assert told_of_news is None


def test_a_browser_of_any_site_may_ask(client: FlaskClient, keys: Keys) -> None:
    preflight = client.options(BULK, headers={"Origin": "http://shop.example"})
    answer = ask(client, keys, USER, Origin="http://shop.example")

    assert preflight.status_code == 204
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert "If-None-Match" in preflight.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
