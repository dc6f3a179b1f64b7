"""Copying flags between environments."""

import pytest

from flags import queries, requests, service
from flags.changes.model import ChangeState
from flags.code.promoting import plan_promotion, promote, propose_promotion
from flags.model import FlagAt, LayerShare, RuleDraft, Targeting
from flags.service import approving
from flags.service.requests import ChangeAt
from pointsman.core.splits import moved
from runtime.database import Database
from runtime.errors import ApprovalRequired, Invalid, NotFound
from tests.flags.code.rich import target, version_of
from tests.flags.making import ANNA, BERT, DEV, PROD, demo, flag, split, targeting
from tests.flags.web import api_of


def prepared(database: Database) -> None:
    """Two flags; ranker serves in dev 50:50, in prod 95:5, both by rule r1."""
    with database.session() as session:
        demo(session)
        flag(session, "other")
        for at, shares in ((DEV, (95, 50)), (PROD, (100, 95))):
            for v1 in shares:
                target(session, at, targeting(split(v1, 100 - v1, rule="r1")))
        service.set_enabled(session, ANNA, DEV, enabled=True, expected_version=version_of(session, DEV))


def test_copying_moves_the_fewest_units_and_tells_them_first(database: Database) -> None:
    prepared(database)
    with database.rehearsing() as session:
        plan = plan_promotion(session, BERT, "demo", "dev", "prod")
    with database.session() as session:
        before = queries.get_state(session, PROD)

        promote(session, BERT, "demo", "dev", "prod", expect=plan.digest)

        after, dev = queries.get_state(session, PROD), queries.get_state(session, DEV)
    (change,) = plan.flags
    assert (change.flag, change.environment, plan.absent) == ("ranker", "prod", ())
    assert change.preview is not None
    assert change.preview.moved == moved(before.rules[0].split, after.rules[0].split) == 45_000
    assert (after.enabled, after.default) == (dev.enabled, dev.default)
    with database.rehearsing() as session:
        assert plan_promotion(session, BERT, "demo", "dev", "prod").is_empty


def test_a_rule_that_is_new_there_assigns_as_in_the_source(database: Database) -> None:
    prepared(database)
    with database.session() as session:
        promote(session, BERT, "demo", "dev", "staging")

        rules = [
            queries.get_state(session, FlagAt("demo", each, "ranker")).rules for each in ("dev", "staging")
        ]
    assert rules[0] == rules[1]


def test_only_chosen_flags_are_copied(database: Database) -> None:
    prepared(database)
    with database.session() as session:
        before = version_of(session, PROD)

        assert promote(session, BERT, "demo", "dev", "prod", ["other"]).is_empty

        assert version_of(session, PROD) == before


def test_what_is_not_there_is_named(database: Database) -> None:
    prepared(database)
    with database.session() as session:
        for source, to, flags in (("none", "prod", ()), ("dev", "none", ()), ("dev", "prod", ("none",))):
            with pytest.raises(NotFound):
                promote(session, BERT, "demo", source, to, flags)
        with pytest.raises(NotFound):
            promote(session, BERT, "none", "dev", "prod")
        with pytest.raises(Invalid, match="to:"):
            promote(session, BERT, "demo", "dev", "dev")


def test_a_layer_the_target_lacks_is_named(database: Database) -> None:
    prepared(database)
    with database.session() as session:
        service.create_layer(session, ANNA, "demo", "dev", "l")
        rule = RuleDraft(weights={"v1": 100_000}, layer=LayerShare(layer="l", share=10))
        target(session, DEV, Targeting(rules=(rule,), default="v1", off="v1"))

        with pytest.raises(Invalid, match=r"flags\.ranker\.environments\.prod\.rules\.0\.layer"):
            promote(session, BERT, "demo", "dev", "prod")


def test_where_approvals_are_needed_it_is_proposed_and_published_by_others(database: Database) -> None:
    prepared(database)
    with database.session() as session:
        service.set_required_approvers(session, ANNA, "demo", "prod", 1, expected=0)
    with pytest.raises(ApprovalRequired), database.session() as session:
        promote(session, BERT, "demo", "dev", "prod")

    with database.session() as session:
        (made,) = propose_promotion(session, BERT, "demo", "dev", "prod")
        at = ChangeAt("demo", "prod", made.id)
        approved = approving.approve_change(session, ANNA, at, expected_version=made.version)
        approving.publish_change(session, ANNA, at, expected_version=approved.version)

    with database.rehearsing() as session:
        assert requests.get_change(session, at).state is ChangeState.PUBLISHED
        assert plan_promotion(session, BERT, "demo", "dev", "prod").is_empty


def test_the_api_plans_copies_and_proposes(sqlite_database: Database) -> None:
    prepared(sqlite_database)
    api = api_of(sqlite_database)
    body = {"source": "dev", "target": "prod", "flags": ["ranker"]}

    plan = api.ok("POST", "/projects/demo/promote/plan", body)
    assert plan["flags"][0]["moved"] == 45_000
    proposed = api.ok("POST", "/projects/demo/promote/propose", body)
    assert list(proposed["changes"]) == ["ranker"]
    done = api.ok("POST", "/projects/demo/promote", {**body, "expect": plan["digest"], "reason": "good"})

    assert not done["empty"]
    assert api.ok("POST", "/projects/demo/promote/plan", body)["empty"]
    outdated = api.call("POST", "/projects/demo/promote", {**body, "expect": plan["digest"]})
    assert outdated.status_code == 409
