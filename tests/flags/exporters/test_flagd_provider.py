"""The unmodified flagd provider for Python serves from a file what we serve, 100,000 units for each flag."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext
from sqlalchemy.orm import Session

from flags import importing, queries, service
from flags.importers import flagd
from flags.importers.model import Options
from flags.model import FlagAt, NewFlag, RuleDraft, Targeting
from pointsman.core.codec import decode
from pointsman.core.evaluation import Evaluation
from pointsman.core.model import Kind, Node, Operator, Scheme
from runtime.database import Database
from tests.flags.conftest import _opened
from tests.flags.exporters.making import COLORS
from tests.flags.making import ANNA, project
from tests.flags.web import application
from tests.growthbook.furnishing import asks, contexts

UNITS = 100_000
FLAGS = ("reweighted", "targeted", "imported")
IMPORTED: dict[str, Any] = {
    "state": "ENABLED",
    "variants": COLORS,
    "defaultVariant": "blue",
    "targeting": {
        "if": [
            {"in": ["staff", {"var": "groups"}]},
            "red",
            {"fractional": [["red", 7], ["green", 31], ["blue", 62]]},
        ]
    },
}


def put(session: Session, key: str, *steps: Targeting) -> None:
    """A flag of flagd's scheme, switched on, targeted step by step."""
    new = NewFlag(key=key, kind=Kind.STRING, variants=COLORS, scheme=Scheme.FLAGD_CBOR)
    service.create_flag(session, ANNA, "demo", new)
    at = FlagAt("demo", "prod", key)
    for each in steps:
        version = queries.get_state(session, at).version
        service.set_targeting(session, ANNA, at, each, expected_version=version)
    version = queries.get_state(session, at).version
    service.set_enabled(session, ANNA, at, enabled=True, expected_version=version)


def shares(red: int, green: int, blue: int, *conditions: Node) -> RuleDraft:
    """A rule."""
    return RuleDraft(conditions=conditions, weights={"red": red, "green": green, "blue": blue})


def targeting(*rules: RuleDraft, **more: Any) -> Targeting:
    """Targeting with these rules."""
    return Targeting(rules=rules, default="green", off="blue", **more)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """With the flags in `demo/prod`."""
    for opened in _opened(f"sqlite:///{tmp_path_factory.mktemp('flagd') / 'test.db'}"):
        with opened.session() as session:
            project(session)
            halves = (targeting(shares(50_000, 50_000, 0)), targeting(shares(12_340, 50_000, 37_660)))
            put(session, "reweighted", *halves)
            # A few words only: JSON Logic in Python takes some microseconds for each.
            named = {f"user-{number}": "blue" for number in (1, 4, 9)}
            paying = (asks("country", Operator.IN, "DE", "AT"), asks("user.plan", Operator.EQUALS, "pro"))
            rules = (shares(1_230, 48_770, 50_000, *paying), shares(90, 9_910, 90_000))
            both = targeting(*rules, overrides=named)
            put(session, "targeted", both)
            found = flagd.mapped({"flags": {"imported": IMPORTED}}, Options())
            importing.carry_out(session, ANNA, "demo", "prod", found, update=False)
        yield opened


@pytest.fixture(scope="module")
def ours_and_theirs(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Any]]:
    """Our evaluation of the downloaded ruleset, and the provider with the downloaded file."""
    with database.session() as session:
        secret = service.create_sdk_key(session, ANNA, "demo", "prod", name="s").secret
    client, bearer = application(database).test_client(), {"Authorization": f"Bearer {secret}"}
    file = tmp_path_factory.mktemp("file") / "flags.json"
    file.write_bytes(client.get("/flagd/v1/flags.json", headers=bearer).data)
    provider = FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=str(file))
    api.set_provider(provider)
    yield Evaluation(decode(client.get("/v1/ruleset", headers=bearer).data)), provider
    api.shutdown()


@pytest.fixture(scope="module")
def asked() -> list[dict[str, Any]]:
    """The units."""
    return contexts(UNITS)


@pytest.mark.parametrize("flag", FLAGS)
def test_100_000_units_get_what_we_serve(
    flag: str, ours_and_theirs: tuple[Evaluation, FlagdProvider], asked: list[dict[str, Any]]
) -> None:
    ours, provider = ours_and_theirs

    theirs = [
        provider.resolve_string_details(flag, "failed", EvaluationContext(context["id"], context)).variant
        for context in asked
    ]

    assert len(set(theirs)) == 3
    assert theirs == [ours.choose(flag, context["id"], context, None).variant for context in asked]


def test_programs_get_it_through_openfeature(ours_and_theirs: tuple[Evaluation, FlagdProvider]) -> None:
    ours, _ = ours_and_theirs
    client = api.get_client()

    for flag in FLAGS:
        for context in contexts(50):
            details = client.get_string_details(flag, "failed", EvaluationContext(context["id"], context))
            assert details.value == ours.choose(flag, context["id"], context, None).value
            assert details.error_code is None


def test_every_flag_is_in_the_file(database: Database) -> None:
    with database.session() as session:
        secret = service.create_sdk_key(session, ANNA, "demo", "prod", name="t").secret
    answer = (
        application(database)
        .test_client()
        .get("/flagd/v1/flags.json", headers={"Authorization": f"Bearer {secret}"})
    )

    assert set(json.loads(answer.data)["flags"]) == set(FLAGS)
