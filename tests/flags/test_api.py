"""The admin API: every route once, and every way to ask badly."""

from typing import Any

import pytest

from runtime.database import Database
from tests.flags.test_guards import SplitLock
from tests.flags.web import Api, api_of
from tests.platform import ROOT

FLAG: dict[str, Any] = {
    "key": "ranker",
    "kind": "model",
    "variants": {"v2": {"model": "large"}, "v1": {"model": "small"}},
}
AT = "/projects/demo/flags/ranker/environments/prod"


@pytest.fixture
def api(sqlite_database: Database) -> Api:
    return api_of(sqlite_database)


@pytest.fixture
def demo(api: Api) -> Api:
    api.ok("POST", "/projects", {"key": "demo", "name": "Demo"})
    api.ok("POST", "/projects/demo/flags", FLAG)
    return api


def test_a_project_and_its_environments(api: Api) -> None:
    made = api.ok("POST", "/projects", {"key": "demo"})
    api.ok("POST", "/projects/demo/environments", {"key": "canary", "name": "Canary"})

    assert made["name"] == "demo"
    assert api.ok("GET", "/projects") == {"projects": [made]}
    assert api.ok("GET", "/projects/demo") == made
    environments = api.ok("GET", "/projects/demo/environments")["environments"]
    assert [each["key"] for each in environments] == ["dev", "staging", "prod", "canary"]


def test_a_flag_keeps_its_variants_in_order(demo: Api) -> None:
    answer = demo.call("GET", "/projects/demo/flags/ranker")

    assert answer.text.index('"v2"') < answer.text.index('"v1"')
    assert list(answer.get_json()["environments"]) == ["dev", "staging", "prod"]
    assert demo.ok("GET", "/projects/demo/flags?search=rank&limit=5")["total"] == 1


def test_a_flag_is_edited_archived_and_restored(demo: Api) -> None:
    path = "/projects/demo/flags/ranker"

    edited = demo.ok("PATCH", path, {"expected_version": 1, "name": "Ranker", "reason": "clearer"})
    archived = demo.ok("POST", f"{path}/archive", {"expected_version": 2})
    restored = demo.ok("POST", f"{path}/restore", {"expected_version": 3})

    assert (edited["name"], edited["version"]) == ("Ranker", 2)
    assert archived["archived_at"] is not None
    assert restored["archived_at"] is None


def test_the_kill_switch(demo: Api) -> None:
    state = demo.ok("PUT", f"{AT}/enabled", {"enabled": True, "expected_version": 1})

    assert (state["enabled"], state["version"]) == (True, 2)
    assert demo.ok("GET", AT) == state


def test_targeting_in_buckets_or_percent_with_a_preview(demo: Api) -> None:
    german = {"attribute": "country", "operator": "in", "values": ["DE", 1, 1.5, True]}
    rules = [
        {"conditions": [german], "weights": {"v2": 100_000}},
        {"percent": {"v1": 90, "v2": 10}},
    ]
    draft = {"rules": rules, "default": "v1", "off": "v1"}

    preview = demo.ok("POST", f"{AT}/targeting/preview", draft)
    state = demo.ok("PUT", f"{AT}/targeting", {**draft, "expected_version": 1, "reason": "try"})

    assert [(each["rule"], each["moved"]) for each in preview["rules"]] == [("r1", 0), ("r2", 90_000)]
    assert state["rules"][0]["conditions"] == [german]
    assert repr(state["rules"][0]["conditions"][0]["values"]) == "['DE', 1, 1.5, True]"
    assert state["rules"][1]["split"] == [[0, 90_000, "v1"], [90_000, 100_000, "v2"]]
    assert state["rules"][1]["weights"] == {"v1": 90_000, "v2": 10_000}


def test_sdk_keys_show_their_secret_once(demo: Api) -> None:
    path = "/projects/demo/environments/prod/keys"

    answer = demo.call("POST", path, {"name": "shop"})
    made = answer.get_json()
    listed = demo.call("GET", path)
    revoked = demo.ok("DELETE", f"{path}/{made['key']['id']}")

    assert answer.headers["Cache-Control"] == "no-store"
    assert made["secret"] not in listed.text
    assert listed.get_json()["keys"] == [made["key"]]
    assert revoked["revoked_at"] is not None


def test_a_unit_is_forgotten_and_its_request_followed(demo: Api) -> None:
    first = demo.ok("POST", "/projects/demo/units/forget", {"unit": "u1", "reason": "she asked"})
    demo.ok("POST", "/projects/demo/units/forget", {"unit": "u2"})

    listed = demo.ok("GET", "/projects/demo/units/forgotten")["requests"]

    assert first["request"]["stage"] == "waiting"
    assert [each["id"] for each in listed] == [2, 1]
    assert listed[1] == first["request"]
    assert demo.ok("GET", "/projects/demo/units/forgotten?unit=u1")["requests"] == listed[1:]
    assert demo.ok("GET", "/projects/demo/units/forgotten?before=2&limit=1")["requests"] == listed[1:]
    assert "u1" not in str(listed)


def test_history_can_be_read(demo: Api) -> None:
    demo.ok("PUT", f"{AT}/enabled", {"enabled": True, "expected_version": 1, "reason": "launch"})
    path = "/projects/demo/environments/prod/revisions"

    revisions = demo.ok("GET", f"{path}?flag=ranker&limit=1")["revisions"]

    assert [(each["revision"], each["reason"], each["actor"]) for each in revisions] == [
        (2, "launch", "token:tests")
    ]
    assert demo.ok("GET", f"{path}/2") == revisions[0]


def test_a_conflict_shows_both_versions(demo: Api) -> None:
    demo.ok("PUT", f"{AT}/enabled", {"enabled": True, "expected_version": 1})

    answer = demo.call("PUT", f"{AT}/enabled", {"enabled": False, "expected_version": 1})

    error = answer.get_json()["error"]
    assert answer.status_code == 409
    assert (error["code"], error["expected_version"], error["actual_version"]) == ("conflict", 1, 2)
    assert error["theirs"]["enabled"] is True


def test_a_guards_objection_is_423(sqlite_database: Database) -> None:
    api = api_of(sqlite_database, guards=(SplitLock(),))
    api.ok("POST", "/projects", {"key": "demo"})
    api.ok("POST", "/projects/demo/flags", FLAG)

    draft = {"rules": [{"percent": {"v1": 100}}], "default": "v1", "off": "v1", "expected_version": 1}
    answer = api.call("PUT", f"{AT}/targeting", draft)

    assert answer.status_code == 423
    assert "experiment" in answer.get_json()["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/projects/x", "/projects/demo/flags/x", "/projects/demo/flags/%00", f"{AT}x"]
)
def test_what_is_not_there_is_404(demo: Api, path: str) -> None:
    answer = demo.call("GET", path)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "not_found")


def test_a_stranger_is_401_before_anything_else(demo: Api) -> None:
    for path in ("/projects", "/projects/x", AT):
        answer = demo.client.get(f"/api/v1{path}")

        assert (answer.status_code, answer.get_json()["error"]["code"]) == (401, "unauthenticated")


RULE: dict[str, Any] = {"percent": {"v1": 100}}
DRAFT: dict[str, Any] = {"rules": [RULE], "default": "v1", "off": "v1", "expected_version": 1}

BAD: list[tuple[str, str, Any, str]] = [
    ("POST", "/projects", {}, "key"),
    ("POST", "/projects", {"key": 1}, "key"),
    ("POST", "/projects", {"key": "demo"}, "key"),
    ("POST", "/projects", {"key": "x", "colour": "red"}, "colour"),
    ("POST", "/projects", {"key": "x", "name": "a" * 201}, "name"),
    ("POST", "/projects/demo/flags", {**FLAG, "key": "x", "kind": "colour"}, "kind"),
    ("POST", "/projects/demo/flags", {**FLAG, "key": "x", "variants": {"v1": {}}}, "variants.v1.model"),
    ("POST", "/projects/demo/flags", {**FLAG, "key": "x", "variants": []}, "variants"),
    ("POST", "/projects/demo/flags", {**FLAG, "key": "x", "default": "v9"}, "default"),
    ("PATCH", "/projects/demo/flags/ranker", {}, "expected_version"),
    ("PATCH", "/projects/demo/flags/ranker", {"expected_version": "1"}, "expected_version"),
    ("PATCH", "/projects/demo/flags/ranker", {"expected_version": -1}, "expected_version"),
    ("PUT", f"{AT}/enabled", {"enabled": "yes", "expected_version": 1}, "enabled"),
    ("PUT", f"{AT}/targeting", {**DRAFT, "default": "v9"}, "default"),
    ("PUT", f"{AT}/targeting", {**DRAFT, "rules": [{}]}, "rules.0.weights"),
    ("PUT", f"{AT}/targeting", {**DRAFT, "rules": [{**RULE, "weights": {}}]}, "rules.0.percent"),
    ("PUT", f"{AT}/targeting", {**DRAFT, "rules": [{"percent": {"v1": 99}}]}, "rules.0.percent"),
    ("PUT", f"{AT}/targeting", {**DRAFT, "rules": [{"weights": {"v1": True}}]}, "rules.0.weights.v1"),
    (
        "PUT",
        f"{AT}/targeting",
        {**DRAFT, "rules": [{**RULE, "conditions": [{"attribute": "a", "operator": "is", "values": [1]}]}]},
        "rules.0.conditions.0.operator",
    ),
    (
        "PUT",
        f"{AT}/targeting",
        {
            **DRAFT,
            "rules": [{**RULE, "conditions": [{"attribute": "a", "operator": "in", "values": [None]}]}],
        },
        "rules.0.conditions.0.values.0",
    ),
    ("POST", "/projects/demo/environments/prod/keys", {"name": ""}, "name"),
    ("POST", "/projects/demo/units/forget", {"unit": ""}, "unit"),
    ("POST", "/projects/demo/units/forget", {"unit": "a\x00b"}, "unit"),
    ("GET", "/projects/demo/units/forgotten?unit=%00", None, "unit"),
    ("GET", "/projects/demo/units/forgotten?before=0", None, "before"),
    ("GET", "/projects/demo/flags?limit=0", None, "limit"),
    ("GET", "/projects/demo/flags?limit=" + "9" * 5_000, None, "limit"),
    ("GET", "/projects/demo/flags?colour=red", None, "colour"),
    ("GET", "/projects/demo/flags?search=%00", None, "search"),
    ("GET", "/projects/demo/environments/prod/revisions/x", None, "revision"),
    ("DELETE", f"/projects/demo/environments/prod/keys/{10**30}", None, "key_id"),
]


@pytest.mark.parametrize(("method", "path", "body", "field"), BAD, ids=lambda value: str(value)[:60])
def test_bad_values_are_422_naming_the_field(
    demo: Api, method: str, path: str, body: Any, field: str
) -> None:
    answer = demo.call(method, path, body)

    error = answer.get_json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (422, "invalid", field)
    assert error["message"]


def deep(levels: int) -> str:
    return '{"key":"x","name":' + "[" * levels + "]" * levels + "}"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 422),
        (b"not json", 422),
        (b"[]", 422),
        (b'"{}"', 422),
        (b"null", 422),
        (b'{"key":"x","key":"y"}', 422),
        (b'{"key":NaN}', 422),
        (b'{"key":"x","name":1e999}', 422),
        (b'{"key":"x","name":' + b"9" * 5_000 + b"}", 422),
        (b'{"key":"\xff"}', 422),
        (b'{"key":"x","name":"\\ud800"}', 422),
        (b'{"key":"x","name":"\\u0000"}', 422),
        (b'{"\\ud800":1}', 422),
        (deep(41).encode(), 422),
        (deep(100_000).encode(), 422),
        (b'{"key":"' + b"x" * 5_000_000 + b'"}', 413),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_hostile_body_is_a_clear_4xx(api: Api, data: bytes, status: int) -> None:
    answer = api.client.post(
        "/api/v1/projects",
        data=data,
        content_type="application/json",
        headers={"Authorization": f"Bearer {api.token}"},
    )

    assert answer.status_code == status
    assert answer.get_json()["error"]["message"]


def test_a_form_of_another_site_is_refused(api: Api) -> None:
    answer = api.client.post(
        "/api/v1/projects", data={"key": "x"}, headers={"Authorization": f"Bearer {api.token}"}
    )

    assert (answer.status_code, answer.get_json()["error"]["field"]) == (422, "Content-Type")


def test_all_problems_are_listed(demo: Api) -> None:
    answer = demo.call("PUT", f"{AT}/targeting", {**DRAFT, "default": "x", "off": "y"})

    problems = answer.get_json()["error"]["problems"]
    assert [each["field"] for each in problems] == ["default", "off"]


def test_the_api_documents_itself(api: Api) -> None:
    spec = api.client.get("/openapi/openapi.json").get_json()

    assert spec["openapi"].startswith("3.1")
    assert "/api/v1/projects/{project}/flags/{flag}/environments/{environment}/targeting" in spec["paths"]
    assert "FlagOut" in spec["components"]["schemas"]


def test_every_route_is_in_the_reference(api: Api) -> None:
    reference = (ROOT / "docs" / "reference" / "flags-api.md").read_text()
    rows = [row for row in reference.splitlines() if row.startswith("| ")]

    paths = api.client.get("/openapi/openapi.json").get_json()["paths"]

    for path, methods in paths.items():
        own = " ".join(row for row in rows if f"`{path.removeprefix('/api/v1')}`" in row)
        assert all(method.upper() in own for method in methods), path


def test_units_are_added_to_a_segments_list_and_taken_out(demo: Api) -> None:
    path = "/projects/demo/environments/prod/segments"
    demo.ok("POST", path, {"key": "staff", "included": ["anna", "bert"]})

    changed = demo.ok(
        "POST",
        f"{path}/staff/units",
        {"list": "included", "add": ["carl", "dora"], "remove": ["bert"], "expected_version": 1},
    )
    out = demo.ok("POST", f"{path}/staff/units", {"list": "excluded", "add": ["emil"], "expected_version": 2})

    assert (changed["included"], changed["excluded"], changed["version"]) == (3, 0, 2)
    assert (out["included"], out["excluded"], out["version"]) == (3, 1, 3)


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"list": "included", "add": ["x"], "expected_version": 7}, 409, "version"),
        ({"list": "friends", "add": ["x"], "expected_version": 1}, 422, "included"),
        ({"list": "included", "add": ["x", ""], "expected_version": 1}, 422, "add.1"),
        ({"list": "included", "remove": ["\ud800"], "expected_version": 1}, 422, "remove.0"),
        ({"list": "included", "add": "x", "expected_version": 1}, 422, "add"),
        ({"list": "included", "units": ["x"], "expected_version": 1}, 422, "units"),
    ],
)
def test_units_that_cannot_be_changed_change_nothing(
    demo: Api, change: dict[str, Any], status: int, word: str
) -> None:
    path = "/projects/demo/environments/prod/segments"
    demo.ok("POST", path, {"key": "staff", "included": ["anna", "bert"]})

    answer = demo.call("POST", f"{path}/staff/units", change)

    assert answer.status_code == status, answer.text
    assert word in answer.text
    assert demo.ok("GET", f"{path}/staff")["version"] == 1
