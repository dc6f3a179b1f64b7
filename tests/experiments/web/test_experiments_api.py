"""The experiments' API: every command and read, and what bad input gets."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI
from werkzeug.test import TestResponse

import runtime.accounts.tables  # noqa: F401  (naming the tables is what makes them)
from experiments.events.lake import Lake
from experiments.refresh import refresh_reports
from experiments.web.api import blueprint
from flags.web.json_bodies import refuse_model
from runtime.accounts.service import create_api_token
from runtime.database import Base, Database
from runtime.settings import Settings
from runtime.web import errors
from runtime.web.state import WebState, attach
from tests.experiments.world import ADA, NOW
from tests.platform import ROOT

ALL = "/api/v1/projects/demo/environments/prod/experiments"
ONE = f"{ALL}/better-digits"
BODY: dict[str, Any] = {
    "key": "better-digits",
    "name": "Better digits",
    "flag": "digit-reader",
    "control": "v1",
    "hypothesis": "v2 reads more digits right",
    "brief": {"decision": "which model serves", "owner": "Ada", "ships_when": "more right"},
    "metrics": [
        {"key": "correct", "kind": "proportion"},
        {"key": "latency", "kind": "mean", "per_unit": "mean", "direction": "decrease", "unit": "s"},
    ],
    "decision_rule": {"primary": "correct", "guardrails": [{"metric": "latency", "margin": 0.1}]},
}

Send = Callable[..., TestResponse]


@pytest.fixture
def client(database: Database, tmp_path: Path) -> FlaskClient:
    Base.metadata.create_all(database.engine)
    app = OpenAPI("test", validation_error_callback=refuse_model)
    attach(app, WebState(settings=Settings(data_dir=tmp_path), database=database))
    errors.register(app)
    app.register_api(blueprint)
    return app.test_client()


@pytest.fixture
def send(client: FlaskClient, database: Database) -> Send:
    with database.session() as session:
        secret = create_api_token(session, ADA, "tests", now=datetime.now(UTC))

    def _send(method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {secret}"}
        return client.open(path, method=method, headers=headers, **options)

    return _send


def made(send: Send, **changes: Any) -> dict[str, Any]:
    answer = send("POST", ALL, json=BODY | changes)
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json())


def test_a_whole_life_over_http(send: Send, database: Database, tmp_path: Path) -> None:
    created = made(send)
    edit = {key: value for key, value in BODY.items() if key != "key"}
    edited = send("PUT", ONE, json=edit | {"name": "Other", "expected_version": 1}).get_json()
    started = send("POST", f"{ONE}/start", json={"expected_version": 2}).get_json()
    refresh_reports(database, Lake(tmp_path / "lake"), datetime.now(UTC))
    report = send("GET", f"{ONE}/report").get_json()
    requested = send("POST", f"{ONE}/report", json={})
    stopped = send("POST", f"{ONE}/stop", json={"expected_version": 3}).get_json()
    outcome = {"decision": "ship", "variant": "v2", "note": "clear", "expected_version": 4}
    decided = send("POST", f"{ONE}/decide", json=outcome).get_json()

    assert (created["status"], created["version"]) == ("draft", 1)
    assert edited["name"] == "Other"
    assert started["plan"]["weights"] == {"v1": 50_000, "v2": 50_000}
    assert report["verdict"]["decision"] == "keep running"
    assert requested.status_code == 202
    assert stopped["status"] == "stopped"
    assert decided["outcome"] == {"decision": "ship", "variant": "v2", "note": "clear"}
    assert send("GET", ONE).get_json() == decided
    assert send("GET", ALL).get_json() == {"experiments": [decided]}
    assert send("GET", f"{ALL}?flag=other").get_json() == {"experiments": []}


def test_metrics_are_filled_with_what_is_usual(send: Send) -> None:
    created = made(send)

    first, second = created["metrics"]
    assert (first["outcome"], first["per_unit"], first["direction"]) == ("correct", "any", "increase")
    assert (second["outcome"], second["per_unit"], second["direction"]) == ("latency", "mean", "decrease")
    assert created["decision_rule"]["alpha"] == 0.05


def test_the_csv_has_every_number(send: Send, database: Database, tmp_path: Path) -> None:
    made(send)
    send("POST", f"{ONE}/start", json={"expected_version": 1})
    refresh_reports(database, Lake(tmp_path / "lake"), NOW + timedelta(days=365))

    answer = send("GET", f"{ONE}/report.csv")

    assert answer.mimetype == "text/csv"
    assert "better-digits.csv" in answer.headers["Content-Disposition"]
    lines = answer.text.splitlines()
    assert lines[0].startswith("metric,kind,variant,is_control,n,mean,difference")
    assert [line.split(",")[:5] for line in lines[1:]] == [
        ["correct", "proportion", "v1", "true", "0"],
        ["correct", "proportion", "v2", "false", "0"],
        ["latency", "mean", "v1", "true", "0"],
        ["latency", "mean", "v2", "false", "0"],
    ]


def test_a_stranger_gets_nowhere(client: FlaskClient) -> None:
    assert client.get(ALL).status_code == 401
    assert client.post(ALL, json=BODY).status_code == 401


def test_a_report_that_is_not_there_yet_is_not_found(send: Send) -> None:
    made(send)

    answer = send("GET", f"{ONE}/report")

    assert answer.status_code == 404
    assert answer.get_json()["error"]["kind"] == "report"


def test_an_old_version_is_a_conflict_that_shows_both(send: Send) -> None:
    made(send)

    answer = send("POST", f"{ONE}/start", json={"expected_version": 7})

    error = answer.get_json()["error"]
    assert answer.status_code == 409
    assert (error["expected_version"], error["actual_version"]) == (7, 1)
    assert error["theirs"]["name"] == "Better digits"


def test_a_step_out_of_order_is_locked(send: Send) -> None:
    made(send)

    answer = send("POST", f"{ONE}/stop", json={"expected_version": 1})

    assert answer.status_code == 423
    assert "start it first" in answer.get_json()["error"]["message"]


METRIC = {"key": "x", "kind": "proportion"}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"extra": 1}, "extra"),
    ({"key": "No Key"}, "key"),
    ({"name": 5}, "name"),
    ({"metrics": []}, "metrics"),
    ({"metrics": [METRIC] * 51}, "metrics"),
    ({"metrics": [METRIC | {"kind": "quantum"}]}, "metrics.0.kind"),
    ({"metrics": [METRIC | {"per_unit": "sum"}]}, "metrics.0.per_unit"),
    ({"metrics": [METRIC | {"direction": "up"}]}, "metrics.0.direction"),
    ({"decision_rule": {"primary": "nothing"}}, "decision_rule.primary"),
    ({"decision_rule": {"primary": "correct", "alpha": 1}}, "decision_rule.alpha"),
    ({"decision_rule": {"primary": "correct", "alpha": "0.05x"}}, "decision_rule.alpha"),
    ({"decision_rule": {"primary": "correct", "tuned_for": 0}}, "decision_rule.tuned_for"),
    ({"decision_rule": {"primary": "correct", "minimum_units": -1}}, "decision_rule.minimum_units"),
    (
        {"decision_rule": {"primary": "correct", "guardrails": [{"metric": "latency", "margin": -1}]}},
        "decision_rule.guardrails.0.margin",
    ),
    (
        {"decision_rule": {"primary": "correct", "guardrails": [{"metric": "correct", "margin": 1}]}},
        "decision_rule.guardrails",
    ),
    ({"brief": {"owner": None}}, "brief.owner"),
]


@pytest.mark.parametrize(("changes", "field"), BAD)
def test_bad_input_is_refused_by_field(send: Send, changes: dict[str, Any], field: str) -> None:
    answer = send("POST", ALL, json=BODY | changes)

    assert answer.status_code == 422, answer.text
    assert answer.get_json()["error"]["field"] == field


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"expected_version":',
        b'{"expected_version": NaN}',
        b'{"expected_version": 1e999}',
        b'{"expected_version": true}',
        b'{"expected_version": 99999999999999999999}',
        b'{"expected_version": 1, "expected_version": 1}',
        b"[" * 100_000,
        b'{"expected_version": {}}',
    ],
)
@pytest.mark.parametrize("step", ["start", "stop", "decide"])
def test_no_body_however_bad_is_a_server_error(send: Send, step: str, body: bytes) -> None:
    made(send)

    answer = send("POST", f"{ONE}/{step}", data=body, content_type="application/json")

    assert answer.status_code in {413, 422}
    assert answer.get_json()["error"]["message"]


@pytest.mark.parametrize("key", ["%00", "x" * 500, "%F0%9F%92%A9", "..%2f..", "%ED%A0%80"])
def test_no_address_however_bad_is_a_server_error(send: Send, key: str) -> None:
    for path in (f"{ALL}/{key}", f"{ALL}/{key}/report", ALL.replace("demo", key), f"{ALL}?flag={key}"):
        assert send("GET", path).status_code in {200, 404, 422}


def test_the_schema_describes_every_answer(client: FlaskClient) -> None:
    schema = json.dumps(client.get("/openapi/openapi.json").get_json())

    for words in ("ExperimentOut", "ReportOut", "/report.csv", "/decide"):
        assert words in schema


def test_every_route_is_in_the_reference_and_no_other(client: FlaskClient) -> None:
    reference = (ROOT / "docs" / "reference" / "experiments-api.md").read_text("utf-8")
    rows = re.findall(r"^\| ([A-Z, ]+) `([^`]+)`", reference, re.MULTILINE)
    documented = {
        (method, path.replace("{at}", "/api/v1/projects/{project}/environments/{environment}"))
        for methods, path in rows
        for method in methods.split(", ")
    }

    paths = client.get("/openapi/openapi.json").get_json()["paths"]

    assert documented == {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_the_reference_names_every_field_and_its_design_is_accepted(client: FlaskClient, send: Send) -> None:
    reference = (ROOT / "docs" / "reference" / "experiments-api.md").read_text("utf-8")
    schemas = client.get("/openapi/openapi.json").get_json()["components"]["schemas"]
    before, design, after = re.split(r"```(?:json\n)?", reference)
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`]+`", before + after))))

    created = send("POST", ALL, data=design, content_type="application/json")

    assert created.status_code == 201, created.text
    for schema in ("ExperimentIn", "MetricIn", "GuardrailIn", "DecisionRuleIn", "BriefIn", "OutcomeIn"):
        assert set(schemas[schema]["properties"]) <= named, schema
    for schema in ("ExperimentOut", "PipelineOut", "BacklogOut", "SdkInstanceOut"):
        assert set(schemas[schema]["properties"]) <= named, schema
