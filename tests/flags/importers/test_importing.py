"""Imports go through the service: audited, repeatable, and never over what is there unasked."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flags import importing, queries
from flags.cli.imports import import_flags
from flags.importers.model import Import, Options, Vendor
from flags.importers.vendors import mapped
from flags.importing import Action
from flags.model import FlagAt, served
from pointsman.core.evaluation import Evaluation
from pointsman.core.model import Ruleset
from runtime.database import Database
from runtime.errors import Invalid
from runtime.settings import Settings
from tests.flags.importers.trial import evaluation_of
from tests.flags.making import ANNA, actions, project
from tests.platform import migrate

RULE = {"clauses": [{"attribute": "key", "op": "in", "values": ["u1", "u2"]}], "variation": 1}
SHARES = [{"variation": 0, "weight": 30_000}, {"variation": 1, "weight": 70_000}]
DOCUMENT: Any = {
    "flags": {
        "child": {
            "on": True,
            "salt": "s",
            "variations": ["a", "b"],
            "offVariation": 0,
            "prerequisites": [{"key": "Parent", "variation": 0}],
            "rules": [RULE],
            "fallthrough": {"rollout": {"variations": [*SHARES, SHARES[0]]}},
        },
        "Parent": {
            "on": True,
            "variations": [True, False],
            "offVariation": 1,
            "fallthrough": {"variation": 0},
        },
    },
    "segments": {},
}


def found(**parts: Any) -> Import:
    """The document above, imported."""
    return mapped(Vendor.LAUNCHDARKLY, {**DOCUMENT, **parts}, Options())


def test_a_dry_run_writes_nothing(sqlite_database: Database) -> None:
    with sqlite_database.session() as session:
        project(session)
        before = actions(session)

        plan = importing.plan(session, "demo", "prod", found(), update=False)

        assert {line.action for line in plan.lines} == {Action.CREATE}
        assert actions(session) == before


def test_an_import_serves_what_its_drafts_promise(database: Database) -> None:
    with database.session() as session:
        project(session)

        importing.carry_out(session, ANNA, "demo", "prod", found(), update=False)

        detail = queries.get_flag(session, "demo", "child")
        parent = queries.get_flag(session, "demo", "parent")
        stored = {each.flag.key: served(each.flag, each.state("prod")) for each in (detail, parent)}
    flags = {key: replace(each, rules=each.rules[1:]) for key, each in stored.items() if each is not None}
    flags["parent"] = stored["parent"] or flags["parent"]
    ours = Evaluation(Ruleset(project="demo", environment="prod", revision=1, flags=flags))
    promised = evaluation_of(found())
    assert detail.state("prod").enabled
    assert [ours.choose("child", f"x{n}", {}, None).variant for n in range(200)] == [
        promised.choose("child", f"x{n}", {}, None).variant for n in range(200)
    ]


def test_a_second_import_finds_everything_there(database: Database) -> None:
    with database.session() as session:
        project(session)
        importing.carry_out(session, ANNA, "demo", "prod", found(), update=False)
        before = actions(session)

        plan = importing.carry_out(session, ANNA, "demo", "prod", found(), update=False)

        assert {line.action for line in plan.lines} == {Action.SAME}
        assert actions(session) == before


def test_the_same_flags_go_into_a_second_environment(sqlite_database: Database) -> None:
    with sqlite_database.session() as session:
        project(session)
        importing.carry_out(session, ANNA, "demo", "prod", found(), update=False)

        importing.carry_out(session, ANNA, "demo", "dev", found(), update=False)

        assert queries.get_state(session, FlagAt("demo", "dev", "child")).enabled


def test_what_differs_is_kept_until_an_update_is_asked_for(sqlite_database: Database) -> None:
    flags = {**DOCUMENT["flags"], "child": {**DOCUMENT["flags"]["child"], "fallthrough": {"variation": 1}}}
    at = FlagAt("demo", "prod", "child")
    with sqlite_database.session() as session:
        project(session)
        importing.carry_out(session, ANNA, "demo", "prod", found(), update=False)
        before = queries.get_state(session, at)

        kept = importing.carry_out(session, ANNA, "demo", "prod", found(flags=flags), update=False)
        still = queries.get_state(session, at)
        importing.carry_out(session, ANNA, "demo", "prod", found(flags=flags), update=True)
        after = queries.get_state(session, at)

    assert [line.action for line in kept.lines if line.key == "child"] == [Action.KEEP]
    assert still == before
    assert {part.variant for part in after.rules[-1].split} == {"v1"}


def test_a_flag_of_another_kind_is_never_overwritten(sqlite_database: Database) -> None:
    flags = {"child": {**DOCUMENT["flags"]["child"], "variations": [1, 2], "prerequisites": []}}
    with sqlite_database.session() as session:
        project(session)
        importing.carry_out(session, ANNA, "demo", "prod", found(), update=False)

        plan = importing.carry_out(session, ANNA, "demo", "prod", found(flags=flags), update=True)

    assert [line.action for line in plan.lines if line.what == "flag"] == [Action.REFUSE]


@pytest.mark.parametrize("vendor", list(Vendor))
@pytest.mark.parametrize("part", ["flags", "features", "segments", "savedGroups", "$evaluators"])
@pytest.mark.parametrize("value", [1, "x", [1], {"f": 1}, [{}], {"f": {"rules": 7, "variants": 7}}])
def test_nonsense_is_refused_or_left_out(vendor: Vendor, part: str, value: Any) -> None:
    result = None
    with suppress(Invalid):
        result = mapped(vendor, {part: value}, Options(partial=True))

    assert result is None or all(each.text for each in result.findings)


def test_the_command_says_what_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path)
    migrate(settings)
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    migrated = Database(settings.database_url)
    with migrated.session() as session:
        project(session)
    migrated.close()
    file = tmp_path / "flags.json"
    file.write_text(json.dumps(DOCUMENT))
    arguments = ["launchdarkly", str(file), "-p", "demo", "-e", "prod"]

    dry = CliRunner().invoke(import_flags, [*arguments, "--dry-run", "--json"])
    done = CliRunner().invoke(import_flags, arguments)
    again = CliRunner().invoke(import_flags, arguments)

    assert [each["action"] for each in json.loads(dry.output)["lines"]] == ["create"] * 3
    assert "create" in done.output
    assert "already there" in again.output
    assert "create" not in again.output
