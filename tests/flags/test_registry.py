"""Aliases of a model registry become versions when a flag is saved, and stay what they became.

The registry here is a server of our own on the loopback, with the answers that MLflow 3's own server gave to
the same requests: 404 for an unknown model, 400 for an unknown alias of a known one.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from cli import main
from flags import queries, service
from flags.guards import By
from flags.model import FlagEdit, NewFlag
from flags.registry import ModelRegistry, freeze, registry_of
from pointsman.core.model import Json, Kind
from runtime.actors import SYSTEM
from runtime.errors import Invalid
from runtime.settings import Settings
from tests.security.application import Application, furnished

ALIASED: dict[str, Json] = {"model": "models:/ranker@champion", "params": {"k": 3}}
FROZEN = {"model": "models:/ranker/7", "params": {"k": 3}, "version": "7", "alias": "champion"}
FLAG = "/api/v1/projects/demo/flags/reader"


@dataclass
class Registry:
    """What a registry knows, and what it was asked."""

    url: str = ""
    versions: dict[tuple[str, str], str] = field(default_factory=lambda: {("ranker", "champion"): "7"})
    broken: tuple[int, bytes] | None = None
    tokens: list[str | None] = field(default_factory=list)

    def answer(self, name: str, alias: str) -> tuple[int, bytes]:
        if self.broken is not None:
            return self.broken
        version = self.versions.get((name, alias))
        if version is not None:
            body: dict[str, Any] = {"model_version": {"name": name, "version": version, "aliases": [alias]}}
            return 200, json.dumps(body).encode()
        if any(name == known for known, _ in self.versions):
            message = f"Registered model alias {alias} not found."
            return 400, json.dumps({"error_code": "INVALID_PARAMETER_VALUE", "message": message}).encode()
        message = f"Registered Model with name={name} not found"
        return 404, json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": message}).encode()


@pytest.fixture
def known() -> Iterator[Registry]:
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            registry.tokens.append(self.headers.get("Authorization"))
            status, body = registry.answer(asked["name"][0], asked["alias"][0])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", f"{registry.url}{self.path}&again=1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield registry
        server.shutdown()
        thread.join()


@pytest.fixture
def site(tmp_path: Path, known: Registry) -> Iterator[Application]:
    """The application with that registry in its settings, and a flag that no experiment holds."""
    reader = NewFlag(key="reader", kind=Kind.MODEL, variants={"v1": {"model": "m"}, "v2": {"model": "n"}})
    with furnished(Settings(data_dir=tmp_path, model_registry=known.url)) as application:
        with application.database.session() as session:
            service.create_flag(session, By(SYSTEM), "demo", reader)
        yield application


def ask(site: Application, method: str, path: str, body: Any, *, status: int = 200) -> Any:
    answer = site.visitor().open(
        path, method=method, json=body, headers={"Authorization": f"Bearer {site.secrets.api_token}"}
    )
    assert answer.status_code == status, answer.text
    return answer.get_json()


def stored(site: Application, flag: str = "reader") -> dict[str, Json]:
    with site.database.reading() as session:
        return dict(queries.get_flag(session, "demo", flag).flag.variants)


def test_an_alias_becomes_the_version_it_names_now(known: Registry) -> None:
    frozen = freeze(Kind.MODEL, {"a": ALIASED, "b": {"model": "plain"}}, ModelRegistry(url=known.url))

    assert frozen == {"a": FROZEN, "b": {"model": "plain"}}


def test_only_model_flags_name_models(known: Registry) -> None:
    assert freeze(Kind.JSON, {"a": ALIASED}, ModelRegistry(url=known.url)) == {"a": ALIASED}
    assert known.tokens == []


def test_the_token_goes_with_the_question(known: Registry) -> None:
    settings = Settings(model_registry=f"{known.url}/", model_registry_token="s3cret")
    registry = registry_of(settings)

    freeze(Kind.MODEL, {"a": ALIASED}, registry)

    assert known.tokens == ["Bearer s3cret"]
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in repr(registry)


def test_without_a_registry_an_alias_is_refused_with_the_way_out() -> None:
    with pytest.raises(Invalid, match="POINTSMAN_MODEL_REGISTRY") as refused:
        freeze(Kind.MODEL, {"a": ALIASED}, registry_of(Settings()))

    assert refused.value.field == "variants.a.model"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("models:/ranker@nobody", "ranker@nobody, which the model registry does not know"),
        ("models:/stranger@champion", "stranger@champion, which the model registry does not know"),
    ],
)
def test_what_the_registry_does_not_know_is_said(known: Registry, model: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        freeze(Kind.MODEL, {"a": {"model": model}}, ModelRegistry(url=known.url))


@pytest.mark.parametrize(
    "broken",
    [
        (500, b"oops"),
        (404, b"<html>Not here</html>"),
        (200, b"<html>Sign in</html>"),
        (200, b"{}"),
        (200, b'{"model_version": {"version": 7}}'),
        (200, b'{"model_version": {"version": "../../7"}}'),
        (200, b"[" * 200_000),
        (302, b""),
        (401, b"{}"),
    ],
)
def test_a_registry_that_answers_badly_keeps_the_flag_as_it_was(
    site: Application, known: Registry, broken: tuple[int, bytes]
) -> None:
    known.broken = broken
    before = stored(site)

    answer = ask(
        site, "PATCH", FLAG, {"expected_version": 1, "variants": {**before, "v1": ALIASED}}, status=422
    )

    assert answer["error"]["field"] == "variants.v1.model"
    assert f"answered {broken[0]}" in answer["error"]["message"]
    assert stored(site) == before


def test_a_registry_that_is_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="does not answer"):
        freeze(Kind.MODEL, {"a": ALIASED}, ModelRegistry(url="http://127.0.0.1:1"))


def test_an_alias_that_moves_later_moves_no_flag(site: Application, known: Registry) -> None:
    before = stored(site)
    ask(site, "PATCH", FLAG, {"expected_version": 1, "variants": {**before, "v2": ALIASED}})
    known.versions["ranker", "champion"] = "8"

    ask(site, "PATCH", FLAG, {"expected_version": 2, "description": "another word"})

    assert stored(site)["v2"] == FROZEN


def test_the_api_the_pages_and_change_requests_all_resolve(site: Application, known: Registry) -> None:
    new = {"key": "second", "kind": "model", "variants": {"v1": ALIASED}}
    ask(site, "POST", "/api/v1/projects/demo/flags", new, status=201)
    form = {
        "press": "save", "key": "third", "kind": "model", "unit_type": "user", "scheme": "pointsman",
        "sticky": "no", "schema": "", "variant-0-name": "v1", "variant-0-payload": json.dumps(ALIASED),
    }  # fmt: skip
    assert site.submit("/p/demo/prod/flags/new", form).status_code == 303
    proposal = {"proposal": {"variants": {**stored(site), "v2": ALIASED}}}
    made = ask(site, "POST", f"{FLAG}/environments/prod/changes", proposal, status=201)

    assert stored(site, "second") == stored(site, "third") == {"v1": FROZEN}
    assert made["proposal"]["variants"]["v2"] == FROZEN


def test_a_form_with_an_unknown_alias_comes_back_with_the_problem_on_its_line(site: Application) -> None:
    form = {
        "press": "save", "key": "third", "kind": "model", "unit_type": "user", "scheme": "pointsman",
        "sticky": "no", "schema": "", "variant-0-name": "v1",
        "variant-0-payload": '{"model": "models:/ranker@nobody"}',
    }  # fmt: skip

    answer = site.submit("/p/demo/prod/flags/new", form)

    assert answer.status_code == 422
    assert "which the model registry does not know" in answer.text
    assert "models:/ranker@nobody" in answer.text


def test_a_document_names_an_alias_and_its_plan_tells_the_version(
    site: Application, known: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTSMAN_DATA", str(tmp_path))
    monkeypatch.setenv("POINTSMAN_MODEL_REGISTRY", known.url)
    document = tmp_path / "demo.yaml"
    document.write_text(
        "pointsman: 1\nproject: demo\nflags:\n  fresh:\n    kind: model\n"
        "    variants:\n      v1: {model: 'models:/ranker@champion'}\n"
    )

    applied = CliRunner().invoke(main, ["apply", str(document), "--yes"])
    again = CliRunner().invoke(main, ["plan", str(document)])
    known.versions["ranker", "champion"] = "8"
    moved = CliRunner().invoke(main, ["plan", str(document)])

    assert applied.exit_code == 0, applied.output
    assert stored(site, "fresh")["v1"] == {
        "model": "models:/ranker/7", "version": "7", "alias": "champion"
    }  # fmt: skip
    assert again.exit_code == 0, again.output
    assert moved.exit_code == 2
    assert "models:/ranker/8" in moved.output


def test_the_service_itself_stores_nothing_that_can_move(site: Application) -> None:
    edit = FlagEdit(variants={"v1": ALIASED, "v2": {"model": "n"}})

    with site.database.session() as session, pytest.raises(Invalid, match="one version"):
        service.edit_flag(session, By(SYSTEM), "demo", "reader", edit, expected_version=1)


def test_every_lookup_is_counted(site: Application, known: Registry) -> None:
    def counted() -> dict[str, float]:
        lines = site.visitor().get("/metrics").text.splitlines()
        found = (line for line in lines if line.startswith("pointsman_registry_lookups_total{"))
        return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in found}

    before = counted()
    freeze(Kind.MODEL, {"a": ALIASED}, ModelRegistry(url=known.url))
    with pytest.raises(Invalid):
        freeze(Kind.MODEL, {"a": {"model": "models:/x@y"}}, ModelRegistry(url=known.url))
    known.broken = (500, b"")
    with pytest.raises(Invalid):
        freeze(Kind.MODEL, {"a": ALIASED}, ModelRegistry(url=known.url))

    grown = {name: value - before.get(name, 0) for name, value in counted().items()}
    assert grown == {"resolved": 1, "unknown": 1, "failed": 1}
