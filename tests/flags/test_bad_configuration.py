"""The bad configuration drill: through whatever door, refused with its field named, and nothing changes.

An SDK that is given one anyway keeps the last good one, and says so.
"""

import html
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from werkzeug.test import TestResponse

from cli import main as program
from flags import queries
from flags.code.yaml_text import dump_yaml, load_yaml
from pointsman import Client, Options
from pointsman.core.codec import encode
from runtime.settings import Settings
from tests.sdk.servers import RULESET, Reply, running
from tests.security.application import Application, furnished

ONE = "/projects/demo/flags/one"
TARGETING = f"{ONE}/environments/dev/targeting"
PAGE = "/p/demo/dev/flags/one"
HUGE = {"model": "x" * 70_000}
NEAR = {"attribute": "place", "operator": "near", "values": ["Rome"]}
ASKS = {"flag": "two", "serves": ["v1"]}
VARIANTS = {"v1": {"model": "m"}, "v2": {"model": "n"}}
DOUBLED = '{"attribute": "a", "attribute": "b", "operator": "equals", "values": [1]}'


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    """Flags one and two, the second of which asks for the first."""
    settings = Settings(data_dir=tmp_path)
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    with furnished(settings) as application:
        for key in ("one", "two"):
            new = {"key": key, "kind": "model", "variants": VARIANTS}
            assert api(application, "POST", "/projects/demo/flags", new).status_code == 201
        asking = targeting(requires=[{"flag": "one", "serves": ["v1"]}])
        path = "/projects/demo/flags/two/environments/dev/targeting"
        assert api(application, "PUT", path, asking).status_code == 200
        yield application


def api(site: Application, method: str, path: str, body: Any) -> TestResponse:
    data = body if isinstance(body, str) else json.dumps(body)
    headers = {"Authorization": f"Bearer {site.secrets.api_token}", "Content-Type": "application/json"}
    return site.visitor().open(f"/api/v1{path}", method=method, data=data, headers=headers)


def targeting(**parts: Any) -> dict[str, Any]:
    return {"expected_version": 1, "default": "v1", "off": "v1", "rules": [], **parts}


BY_API: dict[str, tuple[str, str, Any, str]] = {
    "oversize": ("PATCH", ONE, {"expected_version": 1, "variants": {**VARIANTS, "v2": HUGE}}, "variants.v2"),
    "unknown operator": (
        "PUT",
        TARGETING,
        targeting(rules=[{"percent": {"v1": 100}, "conditions": [NEAR]}]),
        "rules.0.conditions.0.operator",
    ),
    "cycle": ("PUT", TARGETING, targeting(requires=[ASKS]), "requires"),
    "duplicate key": ("PUT", TARGETING, json.dumps(targeting())[:-1] + ', "off": "v2"}', "off"),
    "wrong payload type": (
        "PATCH",
        ONE,
        {"expected_version": 1, "variants": {**VARIANTS, "v2": "text"}},
        "variants.v2",
    ),
}


@pytest.mark.parametrize("fault", BY_API)
def test_the_api_refuses_it(site: Application, fault: str) -> None:
    method, path, body, field = BY_API[fault]
    before = standing(site)

    answer = api(site, method, path, body)

    assert answer.status_code == 422
    error = answer.get_json()["error"]
    assert error["field"] == field or (error["field"] == "body" and repr(field) in error["message"])
    assert standing(site) == before


BY_PAGE: dict[str, tuple[str, dict[str, str], str]] = {
    "oversize": ("edit", {"variant-1-payload": json.dumps(HUGE)}, "65536"),
    "unknown operator": (
        "targeting",
        {"rule-0-match": "tree", "rule-0-tree": json.dumps([NEAR])},
        "0.operator: ",
    ),
    "cycle": ("targeting", {"requires": "two: v1"}, "circle"),
    "duplicate key": ("targeting", {"rule-0-match": "tree", "rule-0-tree": f"[{DOUBLED}]"}, "twice"),
    "duplicate key of a payload": ("edit", {"variant-1-payload": '{"model": "m", "model": "n"}'}, "twice"),
    "wrong payload type": ("edit", {"variant-1-payload": '"text"'}, "object"),
}
FORMS: dict[str, dict[str, str]] = {
    "edit": {
        "press": "save",
        "version": "1",
        "name": "One",
        "description": "",
        "reason": "why",
        "tags": "",
        "owner": "",
        "links": "",
        "unit_type": "user",
        "sticky": "no",
        "schema": "",
        "moves": "",
        "variant-0-name": "v1",
        "variant-0-payload": '{"model": "m"}',
        "variant-1-name": "v2",
        "variant-1-payload": '{"model": "n"}',
    },
    "targeting": {
        "press": "save",
        "version": "1",
        "default": "v1",
        "off": "v1",
        "reason": "why",
        "overrides": "",
        "rule-0-id": "",
        "rule-0-weight-v1": "100",
        "rule-0-weight-v2": "0",
        "rule-0-match": "all",
        "rule-0-tree": "",
        "rule-0-coverage": "100",
        "rule-0-layer": "",
        "rule-0-layer-share": "",
        "rule-0-start": "",
        "rule-0-end": "",
        "requires": "",
        "switches": "",
    },
}


@pytest.mark.parametrize("fault", BY_PAGE)
def test_the_page_refuses_it_beside_its_field_and_keeps_what_was_typed(site: Application, fault: str) -> None:
    page, typed, says = BY_PAGE[fault]
    before = standing(site)

    answer = site.submit(f"{PAGE}/{page}", FORMS[page] | typed)

    assert answer.status_code == 422
    text = html.unescape(answer.text)
    (field, value) = list(typed.items())[-1]
    assert f'aria-describedby="problem-{field}"' in text
    assert says in text.partition(f'id="problem-{field}"')[2].partition("</p>")[0]
    assert value in text
    assert standing(site) == before


BY_FILE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "oversize": (lambda one: one["variants"].update(v2=HUGE), "flags.one.variants.v2"),
    "unknown operator": (
        lambda one: one["environments"]["dev"].update(
            rules=[{"id": "r1", "percent": {"v1": 100}, "conditions": [NEAR]}]
        ),
        "flags.one.environments.dev.rules.0.conditions.0.operator",
    ),
    "cycle": (
        lambda one: one["environments"]["dev"].update(requires=[ASKS]),
        "flags.one.environments.dev.requires",
    ),
    "wrong payload type": (lambda one: one["variants"].update(v2="text"), "flags.one.variants.v2"),
}


@pytest.mark.parametrize("fault", BY_FILE)
def test_apply_refuses_it(site: Application, tmp_path: Path, fault: str) -> None:
    spoil, field = BY_FILE[fault]
    plain = load_yaml(run("export", "-p", "demo").encode())
    spoil(plain["flags"]["one"])
    file = tmp_path / "project.yaml"
    file.write_text(dump_yaml(plain))
    before = standing(site)

    said = run("apply", str(file), "--yes", code=1)

    assert f"{field}: " in said
    assert standing(site) == before


def test_apply_refuses_a_key_that_comes_twice(site: Application, tmp_path: Path) -> None:
    file = tmp_path / "project.yaml"
    file.write_text(run("export", "-p", "demo") + "\nflags: {}\n")
    before = standing(site)

    said = run("apply", str(file), "--yes", code=1)

    assert "the key 'flags' comes twice" in said
    assert standing(site) == before


def flagd(**flag: Any) -> dict[str, Any]:
    return {"flags": {"new": {"state": "ENABLED", "defaultVariant": "a", **flag}}}


def circle(key: str, other: str) -> dict[str, Any]:
    ways = {"variations": ["a", "b"], "offVariation": 0, "fallthrough": {"variation": 0}}
    return {key: {"on": True, "salt": "s", "prerequisites": [{"key": other, "variation": 0}], **ways}}


COLOURS = {"a": "x", "b": "y"}
NEAR_ROME = {"if": [{"near": [{"var": "place"}, "Rome"]}, "a", "b"]}
BY_IMPORT: dict[str, tuple[str, Any, str]] = {
    "oversize": ("flagd", flagd(variants={"a": HUGE}), "variants.a"),
    "unknown operator": (
        "flagd",
        flagd(variants={"a": "x", "b": "y"}, targeting=NEAR_ROME),
        "targeting.if.0.near",
    ),
    "cycle": (
        "launchdarkly",
        {"flags": circle("new", "newer") | circle("newer", "new"), "segments": {}},
        "prerequisites.0",
    ),
    "duplicate key": ("flagd", '{"flags": {"new": {"state": "ENABLED"}, "new": {}}}', "'new' comes twice"),
    "wrong payload type": ("flagd", flagd(variants={"a": "x"}, defaultVariant=7), "defaultVariant"),
}


@pytest.mark.parametrize("fault", BY_IMPORT)
def test_import_refuses_it_or_leaves_the_flag_out_by_name(
    site: Application, tmp_path: Path, fault: str
) -> None:
    vendor, document, says = BY_IMPORT[fault]
    file = tmp_path / "flags.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    before = standing(site)

    said = run("import", vendor, str(file), "-p", "demo", "-e", "dev", code=None)

    assert says in said
    assert "create" not in said
    assert standing(site) == before


GOOD = encode(RULESET)
NEEDLESS = b'"requires":[{"flag":"digit-reader","serves":["v1"]}],'
SPOILT: dict[str, bytes] = {
    "oversize": GOOD[:-1] + b" " * 200_000 + b"}",
    "unknown operator": GOOD.replace(b'"conditions":[', b'"conditions":[' + json.dumps(NEAR).encode()),
    "cycle": GOOD.replace(b'"variants":', NEEDLESS + b'"variants":'),
    "duplicate key": GOOD.replace(b'"salt":', b'"salt":"other","salt":'),
    "wrong payload type": GOOD.replace(b'{"name":"strong"}', b'"strong"'),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_an_sdk_that_is_given_one_anyway_keeps_the_last_good_one_and_says_so(fault: str) -> None:
    spoilt = SPOILT[fault].replace(b'"revision":7', b'"revision":8')
    assert len(spoilt) > len(GOOD) or fault == "wrong payload type"
    options = Options(poll_interval_s=0.05, cache_dir=None, max_ruleset_bytes=100_000)
    with running() as server, Client(server.url, key="k", options=options) as client:
        assert client.wait_until_ready(20)
        before = client.variant("digit-reader", unit="u1")
        server.ruleset_script = lambda _: Reply(headers={"ETag": '"8"'}, body=spoilt)

        server.wait_for(lambda: client.stats().problem is not None)

        stats = client.stats()
        assert (stats.revision, stats.ready) == (7, True)
        # Too large, it is not even read: an answer that failed, and no ruleset.
        assert (stats.poll_errors if fault == "oversize" else stats.rulesets_refused) > 0
        assert client.variant("digit-reader", unit="u1") == before
        server.ruleset_script = lambda _: Reply(
            headers={"ETag": '"9"'}, body=encode(replace(RULESET, revision=9))
        )
        server.wait_for(lambda: client.stats().revision == 9)


def standing(site: Application) -> Any:
    """How everything stands: the revisions, and the flags there are."""
    with site.database.reading() as session:
        revisions = [each.revision for each in queries.list_environments(session, "demo")]
        return revisions, queries.list_flags(session, "demo")


def run(*arguments: str, code: int | None = 0) -> str:
    """What the command says; ``code`` is how it must end, None: whichever way."""
    result = CliRunner().invoke(program, list(arguments))
    assert code is None or result.exit_code == code, result.output
    return result.output
