"""One click back: every bucket where it was, through the same checks as any other change."""

import random

import pytest
from sqlalchemy.orm import Session

from flags import queries, service
from flags.model import FlagAt, FlagEdit, FlagState
from flags.revisions import differences
from flags.service.restoring import Side
from pointsman.core.model import Json
from runtime import audit
from runtime.database import Database
from runtime.errors import ApprovalRequired, Conflict, Invalid, Locked, NotFound
from tests.flags.making import ANNA, BERT, GERMANS, PROD, V1, V2, demo, revision, split, targeting


def state(session: Session, at: FlagAt = PROD) -> FlagState:
    return queries.get_state(session, at)


def target(session: Session, v1: int, v2: int, *, rule: str = "") -> FlagState:
    draft = targeting(split(v1, v2, rule=rule))
    return service.set_targeting(session, ANNA, PROD, draft, expected_version=state(session).version)


def revert(session: Session, number: int, side: Side = Side.BEFORE) -> FlagState:
    version = state(session).version
    return service.revert_revision(session, BERT, "demo", "prod", number, expected_version=version, side=side)


def test_undoing_a_reweight_puts_every_bucket_back(database: Database) -> None:
    with database.session() as session:
        demo(session)
        before = target(session, 50, 50)
        target(session, 30, 70, rule="r1")
        target(session, 80, 20, rule="r1")

        again = revert(session, 3)

        assert again.rules == before.rules
        newest = queries.list_revisions(session, "demo", "prod")[0]
        assert (newest.revision, newest.action) == (5, "flag.revert")
        assert newest.reason == "revert of revision 3"
        assert newest.actor == BERT.actor
        assert audit.entries(session)[0].details["reverted"] == 3


def test_any_walk_of_changes_is_undone_step_by_step(database: Database) -> None:
    chance = random.Random(7)
    with database.session() as session:
        demo(session)
        target(session, 50, 50)
        seen = [state(session)]
        for _ in range(15):
            share = chance.randrange(101)
            if chance.random() < 0.3:
                current = state(session)
                service.set_enabled(
                    session, ANNA, PROD, enabled=not current.enabled, expected_version=current.version
                )
            else:
                target(session, share, 100 - share, rule="r1")
            seen.append(state(session))
        top = revision(session)

        steps = {each.version: number for number, each in enumerate(seen)}
        for number in range(top, 2, -1):
            wanted = queries.get_revision(session, "demo", "prod", number).before
            assert wanted is not None
            now = revert(session, number)
            then = seen[steps[int(str(wanted["version"]))]]
            assert (now.rules, now.enabled) == (then.rules, then.enabled)


def test_payloads_come_back_in_every_environment(database: Database) -> None:
    changed: dict[str, Json] = {"v1": {"model": "other"}, "v2": V2, "v3": V1}
    with database.session() as session:
        demo(session)
        edit = FlagEdit(variants=changed)
        service.edit_flag(session, ANNA, "demo", "ranker", edit, expected_version=1)

        revert(session, 2)

        detail = queries.get_flag(session, "demo", "ranker")
        assert detail.flag.variants == {"v1": V1, "v2": V2}
        assert detail.flag.version == 3
        assert [each.version for each in detail.states] == [3, 3, 3]
        assert [revision(session, each) for each in ("dev", "staging", "prod")] == [3, 3, 3]


def test_payloads_others_depend_on_are_not_taken_away(database: Database) -> None:
    with database.session() as session:
        demo(session)
        edit = FlagEdit(variants={"v1": V1, "v2": V2, "v3": V1})
        service.edit_flag(session, ANNA, "demo", "ranker", edit, expected_version=1)
        dev = FlagAt("demo", "dev", "ranker")
        version = state(session, dev).version
        service.set_targeting(session, ANNA, dev, targeting(default="v3"), expected_version=version)

        with pytest.raises(Invalid):
            revert(session, 2)


def test_returning_to_a_revision_restores_what_it_made(database: Database) -> None:
    with database.session() as session:
        demo(session)
        made = target(session, 50, 50)
        target(session, 0, 100, rule="r1")

        again = revert(session, 2, Side.AFTER)

        assert again.rules == made.rules
        assert queries.list_revisions(session, "demo", "prod")[0].reason == "return to revision 2"


def test_an_archived_flag_is_brought_back_by_undoing_its_archiving(database: Database) -> None:
    with database.session() as session:
        demo(session)
        target(session, 50, 50)
        service.archive_flag(session, ANNA, "demo", "ranker", expected_version=1)
        number = revision(session)

        revert(session, number)

        assert queries.get_flag(session, "demo", "ranker").flag.archived_at is None
        with pytest.raises(Invalid, match="not served at all"):
            revert(session, 1)


def test_an_archived_flag_is_not_changed_by_an_older_revert(database: Database) -> None:
    with database.session() as session:
        demo(session)
        target(session, 50, 50)
        service.archive_flag(session, ANNA, "demo", "ranker", expected_version=1)

        with pytest.raises(Locked, match="archived"):
            revert(session, 2)


def test_a_revert_that_changes_nothing_leaves_no_trace(database: Database) -> None:
    with database.session() as session:
        demo(session)
        target(session, 50, 50)
        before = revert(session, 2)

        assert revert(session, 2) == before


def test_somebody_elses_change_is_not_undone_unseen(database: Database) -> None:
    with database.session() as session:
        demo(session)
        target(session, 50, 50)

        with pytest.raises(Conflict):
            service.revert_revision(session, ANNA, "demo", "prod", 2, expected_version=1)
        with pytest.raises(NotFound):
            revert(session, 99)


def test_a_revert_asks_for_approval_like_any_change(database: Database) -> None:
    with database.session() as session:
        demo(session)
        target(session, 50, 50)
        service.set_required_approvers(session, ANNA, "demo", "prod", 1, expected=0)

        with pytest.raises(ApprovalRequired):
            revert(session, 2)


def test_a_difference_is_told_by_field_in_percent_with_the_units_moved() -> None:
    rule = {"id": "r1", "conditions": [], "split": [[0, 50_000, "v1"], [50_000, 100_000, "v2"]]}
    other = {**rule, "split": [[0, 49_500, "v1"], [49_500, 100_000, "v2"]]}
    base: dict[str, Json] = {"enabled": True, "off": "v1", "default": "v1", "variants": {"v1": 1, "v2": 2}}

    found = differences(
        {**base, "version": 1, "rules": [rule]},  # type: ignore[list-item]
        {**base, "version": 2, "off": "v2", "variants": {"v1": 1.0, "v3": True}, "rules": [other]},  # type: ignore[list-item]
    )

    assert [(each.field, each.before, each.after, each.moved) for each in found] == [
        ("off", "v1", "v2", None),
        ("variants.v1", "1", "1.0", None),
        ("variants.v2", "2", None, None),
        ("variants.v3", None, "true", None),
        ("rules.r1.split", "v1 50 %, v2 50 %", "v1 49.5 %, v2 50.5 %", 500),
    ]


def test_rules_that_come_go_and_change_places_are_told(database: Database) -> None:
    with database.session() as session:
        demo(session)
        first = split(10, 90, conditions=(GERMANS,))
        draft = targeting(first, split(50, 50))
        service.set_targeting(session, ANNA, PROD, draft, expected_version=1)
        draft = targeting(split(50, 50, rule="r2"), split(10, 90, rule="r1", conditions=(GERMANS,)))
        service.set_targeting(session, ANNA, PROD, draft, expected_version=2)
        service.set_targeting(session, ANNA, PROD, targeting(split(50, 50, rule="r2")), expected_version=3)
        made, moved, gone = (queries.get_revision(session, "demo", "prod", n) for n in (2, 3, 4))

    assert [each.field for each in differences(made.before, made.after)] == [
        "rules.r1", "rules.r1.conditions", "rules.r2"
    ]  # fmt: skip
    places = differences(moved.before, moved.after)
    assert [(each.field, each.before, each.after) for each in places] == [("rules", "r1, r2", "r2, r1")]
    told = [(each.field, each.before, each.after) for each in differences(gone.before, gone.after)]
    assert told[0] == ("rules.r1", "v1 10 %, v2 90 %", None)
    assert [each[0] for each in told[1:]] == ["rules.r1.conditions"]


def test_a_rule_that_is_new_is_told_whole_so_that_whoever_approves_it_sees_whom_it_is_for() -> None:
    rule: dict[str, Json] = {
        "id": "r1",
        "conditions": [{"attribute": "country", "operator": "in", "values": ["DE"]}],
        "split": [[0, 50_000, "v1"], [50_000, 100_000, "v2"]],
        "gates": [
            {"kind": "coverage", "name": "", "hashing": {"buckets": 100_000}, "spans": [[0, 100]]},
            {
                "kind": "layer",
                "name": "ab",
                "hashing": {"buckets": 100_000},
                "spans": [[0, 9], [90, 101]],
            },
        ],
        "window": {"start": 1_893_456_000, "end": 10**15},
    }

    come = differences({"rules": []}, {"rules": [rule]})
    gone = differences({"rules": [rule]}, {"rules": []})

    told = {each.field: each.after for each in come}
    assert told == {
        "rules.r1": "v1 50 %, v2 50 %",
        "rules.r1.conditions": '[{"attribute": "country", "operator": "in", "values": ["DE"]}]',
        "rules.r1.gates": "coverage 0.1 %, layer ab 0.02 %",
        "rules.r1.window": "from 2030-01-01T00:00:00+00:00 until 1000000000000000",
    }
    assert {each.field: each.before for each in gone} == told
