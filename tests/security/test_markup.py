"""Whatever people and programs write is shown as text: no page ever contains markup of theirs."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from experiments.events.lake import Lake
from experiments.refresh import refresh_reports
from tests.security.application import Application
from tests.security.routes import routes

MARK: Final = "zq7"
EVIL: Final = (
    f"<script>{MARK}()</script><img src=x onerror={MARK}()>\"'><svg onload={MARK}()>"
    "{{7*191}}</textarea></title></pre><!--"
)
AT: Final = "/api/v1/projects/markup"


class Elements(HTMLParser):
    """Every element a browser would make, with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def assert_clean(path: str, page: str) -> None:
    assert "1337" not in page, f"a template was run on {path}"
    for tag, attributes in Elements(page).found:
        handlers = [name for name in attributes if name.startswith("on") or name == "style"]
        assert not handlers, (path, tag, handlers)
        assert tag != "script" or (attributes.get("src") or "").startswith("/static/"), (path, attributes)
        assert tag not in {"iframe", "object", "embed", "base"}, (path, tag)
        for name in ("href", "src", "action", "formaction"):
            target = (attributes.get(name) or "").strip().lower()
            assert not target.startswith(("javascript:", "data:", "vbscript:", "//")), (path, tag, target)


def api(application: Application, method: str, path: str, body: Any) -> Any:
    answer = application.visitor().open(
        f"{AT}{path}" if path != "new" else "/api/v1/projects",
        method=method,
        json=body,
        headers={"Authorization": f"Bearer {application.secrets.api_token}"},
    )
    assert answer.status_code in {200, 201}, answer.text
    return answer.json


@pytest.fixture(scope="package")
def vandalised(on_sqlite: Application, tmp_path_factory: pytest.TempPathFactory) -> Application:
    """A project in which every text that may be free is hostile."""
    api(on_sqlite, "POST", "new", {"key": "markup", "name": EVIL, "description": EVIL})
    api(on_sqlite, "POST", "/environments", {"key": "evil", "name": EVIL})
    variants: dict[str, Any] = {
        "v1": {"model": EVIL, "version": EVIL, "params": {EVIL: EVIL}},
        "v2": {"model": EVIL},
    }
    flag = {"key": "evil", "kind": "model", "variants": variants, "name": EVIL, "description": EVIL}
    api(on_sqlite, "POST", "/flags", flag | {"reason": EVIL})
    text = {"key": "text", "kind": "string", "variants": {"v1": EVIL, "v2": EVIL[::-1]}, "reason": EVIL}
    api(on_sqlite, "POST", "/flags", text)
    condition = {"attribute": EVIL, "operator": "in", "values": [EVIL, EVIL[::-1]]}
    rules = [{"conditions": [condition], "percent": {"v1": 100}}, {"percent": {"v1": 50, "v2": 50}}]
    for place in ("prod", "evil"):
        state = f"/flags/evil/environments/{place}"
        targeting = {"rules": rules, "default": "v1", "off": "v2", "expected_version": 1, "reason": EVIL}
        api(on_sqlite, "PUT", f"{state}/targeting", targeting)
        api(on_sqlite, "PUT", f"{state}/enabled", {"enabled": True, "expected_version": 2, "reason": EVIL})
    api(on_sqlite, "POST", "/environments/prod/keys", {"name": EVIL})
    design = {
        "key": "evil",
        "name": EVIL,
        "flag": "evil",
        "control": "v1",
        "hypothesis": EVIL,
        "brief": {"decision": EVIL, "owner": EVIL, "ships_when": EVIL},
        "metrics": [{"key": "click", "kind": "proportion", "outcome": EVIL, "unit": EVIL[:40]}],
        "decision_rule": {"primary": "click"},
    }
    experiments = "/environments/prod/experiments"
    api(on_sqlite, "POST", experiments, design)
    api(on_sqlite, "POST", experiments, design | {"key": "draft"})
    api(on_sqlite, "POST", f"{experiments}/evil/start", {"expected_version": 1})
    lake = Lake(tmp_path_factory.mktemp("lake"))
    while refresh_reports(on_sqlite.database, lake, datetime.now(UTC)):
        pass
    api(on_sqlite, "POST", f"{experiments}/evil/stop", {"expected_version": 2})
    outcome = {"decision": "ship", "variant": "v2", "note": EVIL, "expected_version": 3}
    api(on_sqlite, "POST", f"{experiments}/evil/decide", outcome)
    return on_sqlite


PAGES = [
    "/projects",
    "/p/markup/evil/flags",
    "/p/markup/evil/flags/evil",
    "/p/markup/prod/flags/evil",
    "/p/markup/prod/flags/evil/edit",
    "/p/markup/prod/flags/evil/targeting",
    "/p/markup/prod/flags/text",
    "/p/markup/prod/flags/text/edit",
    "/p/markup/prod/keys",
    "/p/markup/prod/history",
    "/p/markup/prod/experiments",
    "/p/markup/prod/experiments/new",
    "/p/markup/prod/experiments/evil",
    "/p/markup/prod/experiments/draft",
    "/p/markup/prod/experiments/draft/edit",
]


@pytest.mark.parametrize("path", PAGES)
def test_stored_markup_is_shown_as_text(vandalised: Application, path: str) -> None:
    answer = vandalised.ada().get(path)

    assert answer.status_code == 200
    assert "&lt;script&gt;" in answer.text or "\\u003cscript" in answer.text
    assert_clean(path, answer.text)


def test_the_report_is_there_and_its_plot_holds_no_markup_either(vandalised: Application) -> None:
    page = vandalised.ada().get("/p/markup/prod/experiments/evil").text
    plot = vandalised.ada().get("/p/markup/prod/experiments/evil/forest.svg")

    assert "Verdict" in page
    assert plot.mimetype == "image/svg+xml"
    assert not {tag for tag, _ in Elements(plot.text).found} & {"script", "foreignobject", "img", "a"}
    assert not [
        name for _, attributes in Elements(plot.text).found for name in attributes if name[:2] == "on"
    ]


ECHOES = [
    "/p/markup/prod/flags?q=",
    "/p/markup/prod/experiments/new?flag=",
    "/sign-in?next=",
    "/sign-in?next=/",
    "/nowhere/",
    "/p/",
    "/sign-in/",
]


@pytest.mark.parametrize("path", ECHOES)
def test_markup_in_an_address_is_not_echoed(vandalised: Application, path: str) -> None:
    for client in (vandalised.ada(), vandalised.visitor()):
        answer = client.get(path + quote(EVIL))

        assert answer.status_code < 500
        assert_clean(path, answer.text)


def submitted(application: Application, path: str) -> TestResponse:
    names = [
        "key", "name", "description", "kind", "reason", "version", "default", "off", "flag", "flag_rule",
        "control", "unit_type", "hypothesis", "decision", "owner", "ships_when", "alpha", "minimum_units",
        "enabled", "archived", "variant", "note", "email", "next", "variant-0-name", "variant-0-payload",
        "rule-0-id", "rule-0-weight-v1", "rule-0-condition-0-attribute", "rule-0-condition-0-operator",
        "rule-0-condition-0-type", "rule-0-condition-0-values", "metric-0-key", "metric-0-role",
        "metric-0-kind", "metric-0-direction", "metric-0-outcome", "metric-0-per_unit", "metric-0-unit",
        "metric-0-margin",
    ]  # fmt: skip
    return application.submit(path, dict.fromkeys(names, EVIL) | {"press": "save"})


def test_markup_in_a_refused_form_comes_back_as_text(vandalised: Application) -> None:
    tried = 0
    for route in routes(vandalised.app):
        if route.method != "POST" or route.is_for_programs or route.endpoint == "accounts.sign_out":
            continue
        answer = submitted(vandalised, route.path)

        assert answer.status_code < 500, route
        assert_clean(route.path, answer.text)
        tried += 1
    assert tried >= 14


def test_answers_for_programs_are_never_taken_for_pages(vandalised: Application) -> None:
    for path in (
        "/api/v1/projects/markup/flags/evil",
        "/api/v1/projects/" + EVIL.replace("/", ""),
        "/v1/ruleset",
    ):
        answer = vandalised.visitor().get(
            path, headers={"Authorization": f"Bearer {vandalised.secrets.api_token}", "Accept": "text/html"}
        )

        assert answer.mimetype == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_downloads_name_breaks_out_of_its_header(vandalised: Application) -> None:
    answer = vandalised.visitor().get(
        "/api/v1/projects/a%22b/environments/c%0d%0aX-Evil: 1/experiments/d/report.csv",
        headers={"Authorization": f"Bearer {vandalised.secrets.api_token}"},
    )

    assert answer.status_code == 404
    assert "X-Evil" not in answer.headers
