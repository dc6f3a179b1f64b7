"""Every form, filled in badly: missing, huge, of wrong types, unknown; on both databases, never a 5xx."""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as configured
from hypothesis import strategies as st

from experiments import queries, service
from experiments.model import ExperimentAt
from runtime.actors import SYSTEM
from runtime.settings import Settings
from tests.security.application import Application, furnished
from tests.security.routes import routes

HERE: Final = "/p/demo/prod"
FLAG: Final = f"{HERE}/flags/ranker"
TRIAL: Final = f"{HERE}/experiments/trial"
DESIGN: Final = {
    "press": "save", "version": "1", "key": "second", "name": "Second", "flag": "ranker", "flag_rule": "",
    "control": "v1", "unit_type": "user", "hypothesis": "better", "decision": "which", "owner": "ada",
    "ships_when": "better", "alpha": "0.05", "minimum_units": "100", "metric-0-key": "click",
    "metric-0-kind": "proportion", "metric-0-outcome": "click", "metric-0-per_unit": "sum",
    "metric-0-direction": "increase", "metric-0-unit": "", "metric-0-role": "primary", "metric-0-margin": "",
    "metric-1-key": "latency", "metric-1-kind": "mean", "metric-1-outcome": "", "metric-1-per_unit": "mean",
    "metric-1-direction": "decrease", "metric-1-unit": "s", "metric-1-role": "guardrail",
    "metric-1-margin": "5",
}  # fmt: skip
FORMS: Final[dict[str, dict[str, str]]] = {
    "/projects": {"key": "demo", "name": "Demo"},
    f"{HERE}/flags/new": {
        "press": "save", "key": "ranker", "name": "New", "description": "", "kind": "model",
        "unit_type": "user", "scheme": "pointsman", "sticky": "yes", "schema": "{}",
        "variant-0-name": "v1", "variant-0-payload": '{"model": "m"}',
    },
    f"{FLAG}/edit": {
        "press": "save", "version": "1", "name": "Ranker", "description": "", "reason": "why",
        "tags": "nlp", "owner": "ada", "links": "wiki https://example.org/x",
        "variant-0-name": "v1", "variant-0-payload": '{"model": "m"}',
        "variant-1-name": "v2", "variant-1-payload": '{"model": "n"}', "unit_type": "user",
        "sticky": "no", "schema": '{"type": "object"}', "moves": "v3 = v1",
    },
    f"{FLAG}/targeting": {
        "press": "save", "version": "3", "default": "v1", "off": "v1", "reason": "why", "rule-0-id": "r1",
        "rule-0-weight-v1": "50", "rule-0-weight-v2": "50", "rule-0-condition-0-attribute": "country",
        "rule-0-condition-0-operator": "in", "rule-0-condition-0-type": "text",
        "rule-0-condition-0-values": "DE, FR", "rule-0-match": "any", "rule-0-tree": "[]",
        "rule-0-coverage": "50", "rule-0-layer": "", "rule-0-layer-share": "", "rule-0-start": "",
        "rule-0-end": "2030-01-01", "overrides": "u1 = v1", "requires": "", "switches": "2030-01-01 on",
    },
    f"{FLAG}/explain": {"unit": "u1", "context": '{"country": "DE"}'},
    f"{FLAG}/rerandomise": {"version": "1", "confirm": "ranker", "reason": "why"},
    f"{HERE}/segments": {
        "key": "testers", "name": "Testers", "description": "", "reason": "why", "included": "u1",
        "excluded": "u2", "conditions": '[{"segment": "staff"}]',
    },
    f"{HERE}/segments/staff": {
        "version": "1", "name": "Staff", "description": "", "reason": "why", "included": "u1", "excluded": "",
        "conditions": '[{"attribute": "country", "operator": "in", "values": ["DE"]}]',
    },
    f"{HERE}/segments/staff/units": {
        "version": "1", "list": "included", "add": "u3", "remove": "u1", "units-reason": "why",
    },
    f"{HERE}/segments/staff/delete": {"version": "1"},
    f"{HERE}/population/layers": {"key": "search", "name": "Search"},
    f"{HERE}/population/layers/checkout/delete": {},
    f"{HERE}/population/holdout": {"share": "5", "expected": "0", "reason": "why"},
    f"{HERE}/promote": {
        "source": "dev", "flag": "ranker", "press": "plan", "reason": "why", "digest": "", "expect": "",
    },
    "/tokens": {"name": "deploys", "scope": "read", "project": "", "days": "30"},
    "/tokens/revoke": {"name": "spare"},
    f"{HERE}/units/forget": {"unit": "u1", "confirm": "u1"},
    f"{FLAG}/toggle": {"version": "3", "enabled": "yes"},
    f"{FLAG}/archive": {"version": "1", "archived": "no", "confirm": ""},
    f"{FLAG}/propose": {"what": "enabled", "value": "yes", "reason": "why"},
    f"{HERE}/approvers": {"required_approvers": "0", "expected": "0", "reason": "why"},
    f"{HERE}/changes/1": {"version": "1", "press": "submit", "note": "", "publish_at": ""},
    f"{HERE}/history/1": {"version": "3", "reason": ""},
    f"{HERE}/keys": {"name": "shop"},
    f"{HERE}/import": {"vendor": "flagd", "document": "{}", "do": "import", "unit": "", "reason": ""},
    f"{HERE}/keys/1/revoke": {},
    f"{HERE}/experiments/new": DESIGN,
    f"{TRIAL}/edit": DESIGN,
    f"{TRIAL}/start": {"version": "1"},
    f"{TRIAL}/stop": {"version": "2"},
    f"{TRIAL}/decide": {"version": "3", "decision": "ship", "variant": "v2", "note": "clear"},
    f"{TRIAL}/refresh": {},
}  # fmt: skip
# Shown again, saved, or refused for a reason of the form's; never "who are you".
EXPECTED: Final = {200, 303, 403, 404, 409, 422, 423}
HOSTILE: Final = [
    "", " ", "\x00", "a\x00b", "\r\n", "\u202e", "\ufeff", "ÿ", "𝕏" * 300, "x" * 100_000, "../../etc/passwd",
    "' OR 1=1 --", "%00", "{{7*7}}", "0", "-1", "1.5", "1e999999999", "-1e-999999999", "nan", "inf", "٣",
    "²", "9" * 5_000, "2147483648", "999999999999", "0x10", "1_000", "true", "null", "[", "[" * 50_000,
    '{"a":1,"a":2}', '{"model": "\\ud800"}', '{"model": "\\u0000"}', '{"model": 1e999}', '{"model": NaN}',
    '["a, b", 3]', "v3", "add-rule", "remove-rule:999", "raise-rule:0", "remove-condition:0.9", "review",
    "number_lt", "semver_lt", "segment", "as-tree:0", "tree", "text_starts", "equals", "json", "number",
    "boolean", "ship", "keep running", "mean",
]  # fmt: skip
# No compression makes this short.
ENDLESS: Final = "".join(f"{sha256(bytes([n])).hexdigest()}" for n in range(250))
ALWAYS: Final = ["a\x00b", ENDLESS]
EXTRA: Final = [
    "rule-999-id", "rule-0-condition-999-values", "rule--id", "rule-x-id", "rule-1-weight-\x00",
    "variant-19-name", "metric-19-key", "csrf", "surprise",
]  # fmt: skip


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Application]:
    """An application whose experiment nobody else has stopped or decided."""
    with furnished(Settings(data_dir=tmp_path)) as application:
        yield application


def test_every_form_is_known_here(on_sqlite: Application) -> None:
    known = set(FORMS) | {"/sign-in", "/sign-out"}

    posts = {
        route.path for route in routes(on_sqlite.app) if route.method == "POST" and not route.is_for_programs
    }

    assert posts == known


@pytest.mark.parametrize("path", FORMS)
def test_one_bad_field_is_never_the_servers_fault(either: Application, path: str) -> None:
    fields = [*FORMS[path], *EXTRA[:1]]
    # Every value meets every form, each at another field; a large form meets each at two or more.
    step = min(len(fields), 10)
    for number, name in enumerate(fields):
        for value in [*ALWAYS, *HOSTILE[number % step :: step]]:
            answer = either.submit(path, FORMS[path] | {name: value})

            assert answer.status_code in EXPECTED, (name, value[:80])
            assert len(answer.headers.get("Set-Cookie", "")) < 4_096, (name, value[:80])


def test_an_endless_choice_is_not_repeated_in_a_cookie(fresh: Application) -> None:
    with fresh.database.session() as session:
        now, at = datetime.now(UTC), ExperimentAt("demo", "prod", "trial")
        running = queries.get_experiment(session, at)
        stopped = service.stop(session, SYSTEM, at, expected_version=running.version, now=now)
    choice = {"version": str(stopped.version), "decision": "ship", "variant": ENDLESS, "note": ""}

    answer = fresh.submit(f"{TRIAL}/decide", choice)

    assert answer.status_code == 303
    assert len(answer.headers["Set-Cookie"]) < 4_096


@pytest.mark.parametrize("path", FORMS)
def test_an_empty_form_is_never_the_servers_fault(either: Application, path: str) -> None:
    assert either.submit(path, {}).status_code in EXPECTED


@given(data=st.data())
@configured(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_form_at_all_is_the_servers_fault(on_sqlite: Application, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(FORMS)))
    names = st.sampled_from([*FORMS[path], *EXTRA]) if FORMS[path] else st.sampled_from(EXTRA)
    values = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    form: dict[str, Any] = FORMS[path] | data.draw(st.dictionaries(names, values, max_size=4))
    for name in data.draw(st.sets(names, max_size=3)):
        form.pop(name, None)

    answer = on_sqlite.submit(path, form)

    assert answer.status_code in EXPECTED


def test_a_form_of_megabytes_is_too_large(on_sqlite: Application) -> None:
    answer = on_sqlite.submit("/projects", {"key": "x" * 6_000_000})

    assert answer.status_code == 413


def test_a_form_of_thousands_of_fields_is_refused_or_read(on_sqlite: Application) -> None:
    path = f"{FLAG}/targeting"

    answer = on_sqlite.submit(path, FORMS[path] | {f"rule-{n}-id": "" for n in range(5_000)})

    assert answer.status_code < 500


def test_files_in_place_of_texts_are_no_texts(on_sqlite: Application) -> None:
    answer = on_sqlite.submit("/projects", {"key": (BytesIO(b"\x00" * 1_000), "../../key.exe")})

    assert answer.status_code < 500


QUERIES = [
    "q=%00",
    "q=%ff",
    "q=" + "x" * 5_000,
    "offset=-1",
    "offset=" + "9" * 5_000,
    "offset=x",
    "offset=2147483648",
]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_odd_queries_are_never_the_servers_fault(either: Application, query: str) -> None:
    for path in (f"{HERE}/flags", f"{HERE}/experiments/new", f"{HERE}/history"):
        assert either.ada().get(f"{path}?{query}").status_code < 500


ODD_NAMES = [
    "%00",
    "a%00b",
    "%ff",
    "..",
    "%2e%2e",
    "a%2fb",
    "' OR 1=1",
    "x" * 5_000,
    "-1",
    "%0d%0a",
    "%F0%9D%95%8F",
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_odd_names_in_addresses_are_not_found(either: Application, name: str) -> None:
    for path in (
        f"/p/{name}/prod/flags",
        f"/p/demo/{name}/flags",
        f"{HERE}/flags/{name}",
        f"{HERE}/flags/{name}/targeting",
        f"{HERE}/experiments/{name}",
        f"{HERE}/experiments/{name}/report.json",
        f"{HERE}/keys/{name}/revoke",
    ):
        assert either.ada().get(path).status_code in {404, 405, 308}
    assert either.submit(f"{HERE}/keys/99999999999999999999/revoke", {}).status_code == 404
