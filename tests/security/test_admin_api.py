"""The admin API over real HTTP: hostile bodies on every route that takes one, strange paths and queries."""

import gzip
import json
from typing import Any

import pytest

from tests.security.site import Site

FLAG = "/projects/demo/flags/ranker"
STATE = f"{FLAG}/environments/prod"
TRIAL = "/projects/demo/environments/prod/experiments/trial"
CHANGE = "/projects/demo/environments/prod/changes/1"
STEPS = ("submit", "approve", "reject", "withdraw", "rebase", "publish", "schedule", "unschedule")
WRITES = [
    ("POST", "/projects"),
    ("POST", "/projects/demo/environments"),
    ("POST", "/projects/demo/flags"),
    ("PATCH", FLAG),
    ("POST", f"{FLAG}/archive"),
    ("POST", f"{FLAG}/restore"),
    ("PUT", f"{STATE}/enabled"),
    ("PUT", f"{STATE}/targeting"),
    ("POST", f"{STATE}/targeting/preview"),
    ("PUT", "/projects/demo/environments/prod/approvers"),
    ("POST", "/projects/demo/environments/prod/revisions/1/revert"),
    ("POST", f"{STATE}/changes"),
    ("PUT", f"{CHANGE}"),
    *(("POST", f"{CHANGE}/{step}") for step in STEPS),
    ("POST", "/projects/demo/environments/prod/keys"),
    ("POST", "/projects/demo/environments/prod/experiments"),
    ("PUT", TRIAL),
    ("POST", f"{TRIAL}/start"),
    ("POST", f"{TRIAL}/stop"),
    ("POST", f"{TRIAL}/decide"),
    ("POST", f"{TRIAL}/report"),
]
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "a text": b'"key"',
    "NaN": b'{"key": NaN}',
    "Infinity": b'{"expected_version": Infinity}',
    "a number beyond floats": b'{"key": 1e400}',
    "a number of 5,000 digits": b'{"expected_version": ' + b"9" * 5_000 + b"}",
    "100,000 open lists": b'{"key": ' + b"[" * 100_000,
    "100,000 nested objects": b'{"key":' * 100_000 + b"1" + b"}" * 100_000,
    "invalid UTF-8": b'{"key": "\xff\xfe"}',
    "a lone surrogate": rb'{"key": "\ud800"}',
    "a lone surrogate as a name": rb'{"\udfff": 1}',
    "NUL": rb'{"key": "\u0000", "name": "\u0000", "reason": "\u0000"}',
    "a member twice": b'{"key": "a", "key": "b"}',
    "unknown fields": b'{"surprise": 1}',
    "a trailing comma": b'{"key": "a",}',
    "gzip nobody announced": gzip.compress(b'{"key": "a"}'),
}
WRONG_TYPES: list[Any] = [None, True, 1.5, -1, "x" * 70_000, [], {}, [[[]]], {"": {}}, 2**63]
FIELDS = [
    "key",
    "name",
    "description",
    "kind",
    "variants",
    "off",
    "default",
    "reason",
    "rules",
    "enabled",
    "expected_version",
    "flag",
    "control",
    "metrics",
    "decision_rule",
    "hypothesis",
    "brief",
    "unit_type",
    "flag_rule",
    "proposal",
    "submit",
    "publish_at",
    "required_approvers",
    "expected",
    "side",
    "force",
    "tags",
    "owner",
    "links",
    "decision",
    "variant",
    "note",
]


def assert_refused(site: Site, method: str, path: str, body: bytes, **headers: str) -> None:
    answer = site.call_api(method, path, body, **headers)
    assert 400 <= answer.status < 500, (method, path, body[:100], answer)
    if answer.status == 422:
        assert answer.error["field"], (method, path, body[:100], answer)
    assert answer.error["code"]


@pytest.mark.parametrize("what", BODIES)
def test_no_bad_body_gets_through_any_route(unharmed: Site, what: str) -> None:
    for method, path in WRITES:
        if path.endswith("/report") and what == "nothing":
            continue
        assert_refused(unharmed, method, path, BODIES[what])


@pytest.mark.parametrize("field", FIELDS)
def test_no_wrong_type_in_any_field_gets_through(unharmed: Site, field: str) -> None:
    for method, path in WRITES:
        for value in WRONG_TYPES:
            assert_refused(unharmed, method, path, json.dumps({field: value}).encode())


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_body_of_ten_megabytes_is_too_large(unharmed: Site, method: str, path: str) -> None:
    answer = unharmed.call_api(method, path, b'{"key": "' + b"x" * 10_000_000 + b'"}')

    assert (answer.status, answer.error["field"]) == (413, "body")


def test_a_stream_without_an_announced_length_is_too_large_too(unharmed: Site) -> None:
    answer = unharmed.call_api("POST", "/projects", iter([b" " * 100_000] * 100))

    assert (answer.status, answer.error["field"]) == (413, "body")


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_a_form_of_another_site_is_no_api_call(unharmed: Site, kind: str) -> None:
    answer = unharmed.call_api("POST", "/projects", b'{"key": "evil"}', Content_Type=kind)

    assert (answer.status, answer.error["field"]) == (422, "Content-Type")


PATHS = {
    "NUL": ("/projects/%00", 404),
    "NUL below": ("/projects/demo/flags/a%00b", 404),
    "invalid UTF-8": ("/projects/%ff%fe", 404),
    "a text of quotes": ("/projects/'%20OR%201=1--/flags", 404),
    "upwards": ("/projects/..%2f..%2fetc%2fpasswd", 404),
    "an endless key": ("/projects/" + "a" * 30_000, 404),
    "a million": ("/projects/demo/environments/prod/revisions/" + "9" * 5_000, 422),
    "zero": ("/projects/demo/environments/prod/revisions/0", 422),
    "a half": ("/projects/demo/environments/prod/revisions/0.5", 422),
    "an unknown query": ("/projects/demo/flags?surprise=1", 422),
    "a limit of text": ("/projects/demo/flags?limit=all", 422),
    "a limit of digits": ("/projects/demo/flags?limit=" + "9" * 5_000, 422),
    "a negative offset": ("/projects/demo/flags?offset=-1", 422),
    "a search for NUL": ("/projects/demo/flags?search=%00", 422),
    "an endless search": ("/projects/demo/flags?search=" + "%25" * 3_000, 422),
    "a flag called NUL": ("/projects/demo/environments/prod/revisions?flag=%00", 404),
    "no such route": ("/nowhere", 404),
}


@pytest.mark.parametrize("what", PATHS)
def test_strange_addresses_are_refused_by_name(unharmed: Site, what: str) -> None:
    path, status = PATHS[what]

    answer = unharmed.call_api("GET", path)

    assert answer.status == status
    assert answer.error["code"] == ("invalid" if status == 422 else "not_found")
    assert "Traceback" not in answer.body.decode()


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", "9" * 5_000, "x"])
def test_a_strange_key_number_revokes_nothing(unharmed: Site, number: str) -> None:
    answer = unharmed.call_api("DELETE", f"/projects/demo/environments/prod/keys/{number}")

    assert answer.status in {404, 422}


@pytest.mark.parametrize("secret", ["", "Bearer", "Bearer ", "Bearer pst_" + "x" * 10_000, "Basic YTpi"])
def test_without_a_live_token_nothing_opens(unharmed: Site, secret: str) -> None:
    for method, path in [*WRITES, ("GET", "/projects")]:
        answer = unharmed.call_api(method, path, b"{}" if method != "GET" else None, Authorization=secret)

        assert (answer.status, answer.error["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
