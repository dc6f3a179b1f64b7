"""A project as one document: round trips, plans, and what applying leaves behind."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from flags import queries, service
from flags.code.document import ProjectDoc
from flags.code.planning import Plan, PlanOutdated, apply_document, make_plan
from flags.code.reading import read_document
from flags.code.stored import export
from flags.code.telling import lines_of
from flags.code.yaml_text import dump_yaml, load_yaml
from runtime.database import Database
from runtime.errors import ApprovalRequired, Invalid
from tests.flags.code.rich import RANKER, bytes_of, everything, rich, target, version_of
from tests.flags.making import ANNA, BERT, actions, revision


def exported(session: Session, *environments: str) -> dict[str, Any]:
    """The document by way of its YAML, as people handle it."""
    return load_yaml(dump_yaml(export(session, "demo", environments)).encode())


def planned(database: Database, plain: dict[str, Any], *, prune: bool = False) -> Plan:
    with database.rehearsing() as session:
        return make_plan(session, BERT, read_document(plain), prune=prune)


def applied(database: Database, plain: dict[str, Any], **options: Any) -> Plan:
    with database.session() as session:
        return apply_document(session, BERT, read_document(plain), **options)


def test_applying_what_was_exported_changes_nothing(database: Database) -> None:
    with database.session() as session:
        rich(session)
        before, plain, log = bytes_of(session), exported(session), actions(session)

    plan = planned(database, plain)
    done = applied(database, plain)

    assert plan.is_empty
    assert done.is_empty
    with database.reading() as session:
        assert bytes_of(session) == before
        assert actions(session) == log


def test_a_copy_in_an_empty_installation_serves_the_same_bytes(
    sqlite_database: Database, tmp_path: Path
) -> None:
    with sqlite_database.session() as session:
        rich(session)
        # Listed units stay behind, as the plan says.
        segment = queries.get_segment(session, "demo", "prod", "staff")
        plain, here = exported(session), {each: served(session, each) for each in ("dev", "prod")}
    assert segment.included_count == 1
    plain["environments"]["prod"]["segments"]["staff"]["included"] = ["ada"]
    empty = copy_database(tmp_path)

    applied(empty, plain)

    with empty.reading() as session:
        assert {each: served(session, each) for each in ("dev", "prod")} == here
        again = exported(session)
    empty.close()
    del plain["environments"]["prod"]["segments"]["staff"]["included"]
    assert again == plain


def served(session: Session, environment: str) -> Any:
    """The ruleset's bytes but for what counts changes, and the segments' random salts' hashes."""
    text = bytes_of(session, environment).decode()
    whole = json.loads(re.sub(r'"(version|revision)":\d+', r'"\1":0', text))
    for segment in whole.get("segments", {}).values():
        segment.pop("included", None)
    return json.dumps(whole)


def copy_database(tmp_path: Path) -> Database:
    from runtime.database import Base
    from tests.flags.conftest import HOUSES

    database = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    Base.metadata.create_all(database.engine, [Base.metadata.tables[name] for name in HOUSES])
    return database


def test_a_plan_tells_the_difference_and_the_units_moved_and_writes_nothing(database: Database) -> None:
    with database.session() as session:
        rich(session)
        plain, before = exported(session), bytes_of(session)
    prod = plain["flags"]["ranker"]["environments"]["prod"]
    prod["rules"][0]["percent"] = {"v1": 70, "v2": 30}

    plan = planned(database, plain)

    told = "\n".join(lines_of(plan))
    assert "ranker in prod" in told
    assert "units: 10 % move from v1 to v2 under rule first" in told
    with database.reading() as session:
        assert bytes_of(session) == before


def test_new_weights_move_the_fewest_units_although_the_old_ranges_stand_beside_them(
    database: Database,
) -> None:
    with database.session() as session:
        rich(session)
        plain = exported(session)
    plain["flags"]["ranker"]["environments"]["prod"]["rules"][0]["percent"] = {"v1": 70, "v2": 30}

    first = applied(database, plain)
    second = applied(database, plain)

    (change,) = first.flags
    assert change.preview is not None
    assert change.preview.moved == 10_000
    assert second.is_empty


def test_a_plan_that_is_outdated_is_refused(database: Database) -> None:
    with database.session() as session:
        rich(session)
        plain = exported(session)
    plain["flags"]["greeting"]["environments"]["dev"]["enabled"] = True
    plan = planned(database, plain)
    with database.session() as session:
        target(session, RANKER, everything({"v1": 50_000, "v2": 50_000}))

    with pytest.raises(PlanOutdated):
        applied(database, plain, expect=plan.digest)

    assert not applied(database, plain, expect=planned(database, plain).digest).is_empty


def test_flags_the_document_does_not_name_are_reported_and_archived_only_when_asked(
    database: Database,
) -> None:
    with database.session() as session:
        rich(session)
        plain = exported(session)
    del plain["flags"]["imported"]

    assert planned(database, plain).absent == ("imported",)
    assert applied(database, plain).is_empty
    applied(database, plain, prune=True)

    with database.reading() as session:
        assert queries.get_flag(session, "demo", "imported").flag.archived_at is not None


def test_an_archived_flag_the_document_names_is_restored(database: Database) -> None:
    with database.session() as session:
        rich(session)
        plain = exported(session)
        version = queries.get_flag(session, "demo", "imported").flag.version
        service.archive_flag(session, ANNA, "demo", "imported", expected_version=version)

    applied(database, plain)

    with database.reading() as session:
        assert queries.get_flag(session, "demo", "imported").flag.archived_at is None


def test_flags_that_need_each_other_are_applied_in_whatever_order_works(database: Database) -> None:
    with database.session() as session:
        service.create_project(session, ANNA, "demo")
    state = {"off": "no", "default": "no", "enabled": True}
    needy = {**state, "requires": [{"flag": "zebra", "serves": ["yes"]}]}
    variants = {"no": False, "yes": True}
    plain = {
        "project": "demo",
        "flags": {
            "ant": {"kind": "boolean", "variants": variants, "environments": {"prod": needy}},
            "zebra": {"kind": "boolean", "variants": variants, "environments": {"prod": state}},
        },
    }

    applied(database, plain)

    with database.reading() as session:
        assert queries.get_flag(session, "demo", "ant").state("prod").requires[0].flag == "zebra"


def test_a_variant_leaves_once_no_rule_serves_it(database: Database) -> None:
    with database.session() as session:
        rich(session)
        plain = exported(session)
    flag = plain["flags"]["imported"]
    del flag["variants"]["b"]
    flag["environments"]["prod"]["rules"][0] |= {"weights": {"a": 7}}

    applied(database, plain)

    with database.reading() as session:
        assert list(queries.get_flag(session, "demo", "imported").flag.variants) == ["a", "c"]


def test_one_wrong_flag_leaves_everything_as_it_was_and_is_named(database: Database) -> None:
    with database.session() as session:
        rich(session)
        plain, before = exported(session), revision(session, "dev")
    plain["flags"]["greeting"]["environments"]["dev"]["enabled"] = True
    plain["flags"]["ranker"]["environments"]["prod"]["default"] = "v9"

    with pytest.raises(Invalid) as error:
        applied(database, plain)

    assert error.value.field == "flags.ranker.environments.prod.default"
    with database.reading() as session:
        assert revision(session, "dev") == before


def test_what_never_changes_of_a_flag_is_refused(database: Database) -> None:
    with database.session() as session:
        rich(session)
        plain = exported(session)
    plain["flags"]["greeting"]["salt"] = "other"

    with pytest.raises(Invalid, match=r"flags\.greeting\.salt.*re-randomise"):
        applied(database, plain)


def test_a_protected_environment_is_planned_but_not_changed_directly(database: Database) -> None:
    with database.session() as session:
        rich(session)
        plain = exported(session)
        service.set_required_approvers(session, ANNA, "demo", "prod", 1, expected=0)
    plain["flags"]["ranker"]["environments"]["prod"]["default"] = "v2"

    plan = planned(database, plain)

    assert plan.approvals == {"prod": 1}
    with pytest.raises(ApprovalRequired):
        applied(database, plain)


def test_only_the_chosen_environments_are_exported_and_the_others_left_alone(database: Database) -> None:
    with database.session() as session:
        rich(session)
        plain, before = exported(session, "dev"), version_of(session, RANKER)
    assert list(plain["environments"]) == ["dev"]
    plain["flags"]["ranker"]["environments"]["dev"]["enabled"] = True

    applied(database, plain)

    with database.reading() as session:
        assert version_of(session, RANKER) == before
        assert queries.get_flag(session, "demo", "ranker").state("dev").enabled


def test_a_change_is_audited_with_its_reason(database: Database) -> None:
    with database.session() as session:
        rich(session)
        plain = exported(session)
    plain["flags"]["greeting"]["environments"]["dev"]["enabled"] = True

    applied(database, plain)

    with database.reading() as session:
        assert actions(session)[-2:] == ["flag.toggle", "project.apply"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &x [1]\nb: *x", "aliases"),
        ("a: 1\na: 2", "twice"),
        ("on: {1: 2}", "not text"),
        ("a: !!python/object:os.system x", "constructor"),
        ("a: " + "[" * 100 + "]" * 100, "nested"),
        ("a: " + "{b: " * 100 + "1" + "}" * 100, "nested"),
        ("- 1", "mapping"),
        ("a: [", "YAML"),
        ("\ufeff", "mapping"),
        ('a: "\\ud800"', "file"),
        ('a: "\\0"', "NUL"),
        ("a: 123456789012345678901234567890", "2^53"),
        ("a: " + "9" * 5_000, "digits"),
    ],
)
def test_yaml_that_means_harm_or_two_things_is_refused(text: str, problem: str) -> None:
    with pytest.raises(Invalid, match=re.escape(problem)):
        load_yaml(text.encode())


def test_yaml_of_no_utf_8_or_too_large_is_refused() -> None:
    with pytest.raises(Invalid, match="UTF-8"):
        load_yaml(b"\xff\xfe\xfa")
    with pytest.raises(Invalid, match="at most"):
        load_yaml(b" " * (16 * 1024 * 1024 + 1))


@pytest.mark.parametrize(
    "value",
    [
        *("off", "on", "yes", "null", "~", "1e5", "1_000", "0x1f", "012", "1:30", "2026-01-01", "", " a"),
        *("é", "a: b", "<<", "=", "true", "1.5", "+1", ".5", "-", "\u2028", "😀", "a\nb", "#x", "1.", "-0"),
    ],
)
def test_text_stays_text_through_yaml(value: str) -> None:
    assert load_yaml(dump_yaml({"x": value, "k": {f"{value}": 1}}).encode()) == {"x": value, "k": {value: 1}}


@pytest.mark.parametrize("value", [0, -1, 1.5, 1e20, 1e-7, 5e-324, 2**53, True, False, None, [], {}, [[]]])
def test_values_stay_what_they_are_through_yaml(value: Any) -> None:
    back = load_yaml(dump_yaml({"x": value}).encode())["x"]

    assert json.dumps(back) == json.dumps(value)


@pytest.mark.parametrize(
    ("plain", "field"),
    [
        ({"project": "demo", "flgas": {}}, "flgas"),
        ({"flags": {}}, "project"),
        ({"project": "demo", "pointsman": 2}, "pointsman"),
        ({"project": 1}, "project"),
    ],
)
def test_what_the_document_does_not_know_is_named(plain: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        read_document(plain)

    assert error.value.field == field


def test_ranges_that_cover_not_all_are_refused(database: Database) -> None:
    with database.session() as session:
        rich(session)
        plain = exported(session)
    rule = plain["flags"]["ranker"]["environments"]["prod"]["rules"][0]
    rule["ranges"] = [[0, 99_000, "v1"]]

    with pytest.raises(Invalid, match=r"rules\.0\.ranges.*cover"):
        applied(database, plain)


@pytest.mark.parametrize(
    ("spans", "problem"),
    [
        ([[40_000, 50_000]], "other rules have some of these spans"),
        ([[90_000, 80_000], [0, 20_000]], "in order"),
        ([[95_000, 105_000]], "within 0 to 100000"),
    ],
)
def test_room_in_a_layer_that_others_have_or_that_is_none_is_refused(
    sqlite_database: Database, spans: list[list[int]], problem: str
) -> None:
    with sqlite_database.session() as session:
        rich(session)
        plain = exported(session)
    states = plain["flags"]["greeting"]["environments"]
    room = {"layer": "ranking", "percent": 10, "spans": spans}
    plain["flags"]["ranker"]["environments"]["prod"]["rules"][0]["layer"] |= {"spans": [[30_000, 60_000]]}
    states["prod"]["rules"] = [{"id": "r", "percent": {"on": 50, "off": 50}, "layer": room}]

    with pytest.raises(Invalid, match=f"rules.0.layer.*{problem}"):
        applied(sqlite_database, plain)


def test_the_document_says_nothing_that_is_at_its_default(database: Database) -> None:
    with database.session() as session:
        rich(session)
        plain = exported(session)

    assert plain["flags"]["greeting"]["environments"]["dev"] == {
        "enabled": False,
        "off": "off",
        "default": "off",
    }
    assert ProjectDoc.model_validate(plain).flags["greeting"].sticky is False
