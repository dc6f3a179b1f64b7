"""What others must approve, nobody does alone: not around the flag, not by a token, not by a lower bar."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main
from flags import queries, requests, service
from flags.changes.model import ChangeRequest, ChangeState, Proposal
from flags.guards import By
from flags.model import FlagAt, RuleDraft, SegmentDraft, Targeting
from flags.service.approving import approve_change, publish_change
from flags.service.around import proposed_segment
from flags.service.drafting import (
    create_change,
    create_change_around,
    edit_change,
    rebase_change,
    submit_change,
    withdraw_change,
)
from flags.service.requests import ChangeAt
from flags.service.tidying import remove_unused_sets
from pointsman.core.model import InSegment
from runtime.accounts import tokens
from runtime.actors import SYSTEM, Actor, ActorKind
from runtime.database import Database
from runtime.errors import ApprovalRequired, Conflict, Forbidden, Invalid, Locked
from runtime.settings import Settings
from tests.flags.making import ANNA, PROD, V1, V2, demo
from tests.flags.sticky import served
from tests.platform import migrate, opened

ADA = By(Actor(ActorKind.PERSON, "ada@example.org"))
BERT = By(Actor(ActorKind.PERSON, "bert@example.org"))
CLI = By(Actor(ActorKind.CLI, "root"))
STAFF = "staff"


@pytest.fixture
def protected(database: Database) -> Database:
    """A flag whose rule refers to a segment, where two people must agree: the writer and one more."""
    with database.session() as session:
        demo(session)
        for key in (STAFF, "unused"):
            draft = SegmentDraft(key=key, included=("u1",))
            service.create_segment(session, ANNA, "demo", "prod", draft)
        rule = RuleDraft(weights={"v2": 100_000}, conditions=(InSegment(STAFF),))
        state = queries.get_state(session, PROD)
        targeting = Targeting(rules=(rule,), default="v1", off="v1")
        state = service.set_targeting(session, ANNA, PROD, targeting, expected_version=state.version)
        if not state.enabled:
            service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=state.version)
        service.set_required_approvers(session, ADA, "demo", "prod", 1, expected=0)
    return database


def segment_change(database: Database, *units: str) -> ChangeRequest:
    """Ada proposes that the segment lists these units, and submits it."""
    with database.session() as session:
        proposal = proposed_segment(session, "demo", "prod", SegmentDraft(key=STAFF, included=units))
        made = create_change_around(session, ADA, "demo", "prod", proposal)
        return submit_change(session, ADA, at(made), expected_version=made.version)


def around(database: Database, proposal: Proposal) -> ChangeRequest:
    with database.session() as session:
        made = create_change_around(session, ADA, "demo", "prod", proposal)
        return submit_change(session, ADA, at(made), expected_version=made.version)


def at(request: ChangeRequest) -> ChangeAt:
    return ChangeAt("demo", "prod", request.id)


def agreed(database: Database, request: ChangeRequest) -> ChangeRequest:
    """Bert approves, Ada publishes."""
    with database.session() as session:
        approved = approve_change(session, BERT, at(request), expected_version=request.version)
        return publish_change(session, ADA, at(request), expected_version=approved.version)


def variants_of(database: Database, *units: str) -> list[str | None]:
    with database.session() as session:
        return [choice.variant for choice in served(session, units).values()]


def test_a_segment_that_rules_refer_to_changes_by_agreement(protected: Database) -> None:
    draft = SegmentDraft(key=STAFF, included=("u2",))
    with pytest.raises(ApprovalRequired), protected.session() as session:
        service.edit_segment(session, ADA, "demo", "prod", draft, expected_version=1)

    request = segment_change(protected, "u2")
    assert variants_of(protected, "u1", "u2") == ["v2", "v1"]
    published = agreed(protected, request)

    assert published.state is ChangeState.PUBLISHED
    assert variants_of(protected, "u1", "u2") == ["v1", "v2"]


def test_a_segment_nothing_refers_to_changes_nobody_and_is_free(protected: Database) -> None:
    with protected.session() as session:
        draft = SegmentDraft(key="unused", included=("u2",))
        service.edit_segment(session, ADA, "demo", "prod", draft, expected_version=1)
        service.delete_segment(session, ADA, "demo", "prod", "unused", expected_version=2)
        made = service.create_segment(session, ADA, "demo", "prod", SegmentDraft(key="fresh"))
        service.create_layer(session, ADA, "demo", "prod", "checkout")

    assert made.version == 1


def test_the_holdout_changes_by_agreement(protected: Database) -> None:
    with pytest.raises(ApprovalRequired), protected.session() as session:
        service.set_holdout(session, ADA, "demo", "prod", share=5_000, expected=0)

    agreed(protected, around(protected, Proposal(holdout=5_000)))

    with protected.reading() as session:
        assert queries.get_environment(session, "demo", "prod").holdout == 5_000


@pytest.mark.parametrize("by", [ADA, By(Actor(ActorKind.TOKEN, "ci"))])
def test_nobody_lowers_the_bar_alone(protected: Database, by: By) -> None:
    with protected.session() as session:
        service.set_required_approvers(session, by, "demo", "prod", 2, expected=1)
        with pytest.raises(ApprovalRequired):
            service.set_required_approvers(session, by, "demo", "prod", 0, expected=2)


def test_the_bar_is_lowered_by_agreement_or_beside_the_database(protected: Database) -> None:
    agreed(protected, around(protected, Proposal(required_approvers=0)))
    with protected.session() as session:
        assert queries.get_environment(session, "demo", "prod").required_approvers == 0
        service.set_required_approvers(session, ADA, "demo", "prod", 3, expected=0)

        after = service.set_required_approvers(session, CLI, "demo", "prod", 0, expected=3)

    assert after.required_approvers == 0


def test_what_moved_on_meanwhile_must_be_rebased(protected: Database) -> None:
    request = around(protected, Proposal(required_approvers=0))
    with protected.session() as session:
        service.set_required_approvers(session, CLI, "demo", "prod", 2, expected=1)
        approved = approve_change(session, BERT, at(request), expected_version=request.version)
    third = By(Actor(ActorKind.PERSON, "cleo@example.org"))
    with protected.session() as session:
        approved = approve_change(session, third, at(request), expected_version=approved.version)
        with pytest.raises(Conflict):
            publish_change(session, ADA, at(request), expected_version=approved.version)

    with protected.session() as session:
        rebased = rebase_change(session, ADA, at(request), expected_version=approved.version)

    assert (rebased.base_state, rebased.valid) == (2, ())


def test_a_segment_that_moved_on_is_not_overwritten(protected: Database) -> None:
    request = segment_change(protected, "u2")
    agreed(protected, segment_change(protected, "u3"))
    with protected.session() as session:
        approved = approve_change(session, BERT, at(request), expected_version=request.version)

        with pytest.raises(Conflict):
            publish_change(session, ADA, at(request), expected_version=approved.version)


def test_the_units_of_a_proposal_outlive_the_tidying(protected: Database) -> None:
    request = segment_change(protected, "u2")
    dropped = segment_change(protected, "u9")
    with protected.session() as session:
        withdraw_change(session, ADA, at(dropped), expected_version=dropped.version)
        place = queries.get_environment(session, "demo", "prod")

        gone = remove_unused_sets(session, place, before=datetime.now(UTC) + timedelta(days=2))

    assert gone == 1
    agreed(protected, request)
    assert variants_of(protected, "u2") == ["v2"]


def test_what_publishing_would_do_is_shown(protected: Database) -> None:
    segment, holdout = segment_change(protected, "u2", "u3"), around(protected, Proposal(holdout=100))

    with protected.rehearsing() as session:
        first = requests.rehearse(session, ADA, segment)
        second = requests.rehearse(session, ADA, holdout)

    changed = {line.field: (line.before, line.after) for line in first.differences}
    assert changed["included_count"] == ("1", "2")
    assert [(line.field, line.before, line.after) for line in second.differences] == [("holdout", "0", "100")]
    assert first.problem == second.problem == ""


@pytest.mark.parametrize(
    "proposal",
    [
        Proposal(),
        Proposal(enabled=True),
        Proposal(holdout=-1),
        Proposal(holdout=100_001),
        Proposal(required_approvers=-1),
        Proposal(required_approvers=99),
        Proposal(holdout=1, required_approvers=1),
        Proposal(holdout=1, enabled=True),
    ],
)
def test_a_proposal_that_makes_no_sense_is_refused(protected: Database, proposal: Proposal) -> None:
    with pytest.raises(Invalid), protected.session() as session:
        create_change_around(session, ADA, "demo", "prod", proposal)


@pytest.mark.parametrize(
    "proposal",
    [
        Proposal(holdout=1),
        Proposal(rerandomise=False),
        Proposal(rerandomise=True, enabled=True),
        Proposal(archived=True, revert=1),
        Proposal(unit_type="no such thing"),
        Proposal(moves={"v1": "v2"}),
    ],
)
def test_a_proposal_that_is_no_flags_is_refused_for_a_flag(protected: Database, proposal: Proposal) -> None:
    with pytest.raises(Invalid), protected.session() as session:
        create_change(session, ADA, PROD, proposal)


def test_an_edit_cannot_turn_a_request_into_another(protected: Database) -> None:
    request = around(protected, Proposal(holdout=100))

    with pytest.raises(Invalid, match="something else"), protected.session() as session:
        edit_change(
            session, ADA, at(request), Proposal(required_approvers=0), expected_version=request.version
        )


def test_an_edit_of_the_holdout_cancels_approvals(protected: Database) -> None:
    request = around(protected, Proposal(holdout=100))
    with protected.session() as session:
        approved = approve_change(session, BERT, at(request), expected_version=request.version)

        edited = edit_change(
            session, ADA, at(request), Proposal(holdout=90_000), expected_version=approved.version
        )

        with pytest.raises(ApprovalRequired):
            publish_change(session, ADA, at(request), expected_version=edited.version)


def test_whoever_made_a_token_wrote_what_it_wrote(protected: Database) -> None:
    with protected.session() as session:
        secret = tokens.create_api_token(session, ADA.actor, "mine", now=datetime.now(UTC))
        access = tokens.token_access(session, secret, now=datetime.now(UTC))
        assert access is not None
        made = create_change(session, By(access.actor), PROD, Proposal(archived=True))
        submitted = submit_change(session, By(access.actor), at(made), expected_version=made.version)

        with pytest.raises(Forbidden, match="wrote"):
            approve_change(session, ADA, at(made), expected_version=submitted.version)

        approve_change(session, BERT, at(made), expected_version=submitted.version)


def test_sticky_units_and_drawing_anew_can_be_proposed(protected: Database) -> None:
    with protected.session() as session:
        salt = queries.get_flag(session, "demo", "ranker").flag.salt
        for proposal in (Proposal(sticky=True, unit_type="account"), Proposal(rerandomise=True)):
            made = create_change(session, ADA, PROD, proposal)
            made = submit_change(session, ADA, at(made), expected_version=made.version)
            made = approve_change(session, BERT, at(made), expected_version=made.version)
            publish_change(session, ADA, at(made), expected_version=made.version)

        after = queries.get_flag(session, "demo", "ranker").flag

    assert (after.sticky, after.unit_type) == (True, "account")
    assert after.salt != salt


def test_forgetting_a_unit_waits_for_nobody(protected: Database) -> None:
    with protected.session() as session:
        assert service.forget_unit(session, ADA, "demo", "u1").assignments == 0


def test_new_variants_with_a_place_for_the_units_of_those_that_go(protected: Database) -> None:
    with protected.session() as session:
        targeting = Targeting(rules=(), default="v1", off="v1")
        proposal = Proposal(variants={"v1": V1, "v3": V2}, targeting=targeting, moves={"v2": "v3"})
        made = create_change(session, ADA, PROD, proposal)
        made = submit_change(session, ADA, at(made), expected_version=made.version)
        made = approve_change(session, BERT, at(made), expected_version=made.version)

        publish_change(session, ADA, at(made), expected_version=made.version)

        assert list(queries.get_flag(session, "demo", "ranker").flag.variants) == ["v1", "v3"]


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """What the command line finds: a flag that is off, in an environment with one approver."""
    settings = Settings(data_dir=tmp_path)
    migrate(settings)
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    with opened(settings) as database:
        with database.session() as session:
            demo(session)
            state = queries.get_state(session, PROD)
            service.set_enabled(session, By(SYSTEM), PROD, enabled=False, expected_version=state.version)
        yield database


def run(*arguments: str, fails: bool = False) -> str:
    found = CliRunner().invoke(main, [*arguments, "-p", "demo", "-e", "prod"])
    assert (found.exit_code != 0) is fails, found.output
    return found.output


def test_the_command_line_proposes_shows_and_publishes(installation: Database) -> None:
    run("flags", "approvers", "1")
    assert "open a change request" in run("flags", "toggle", "ranker", "on", fails=True)
    run("flags", "toggle", "ranker", "on", "--propose", "--reason", "back on")

    assert "1  submitted  ranker" in run("changes", "list")
    shown = run("changes", "show", "1")
    refused = run("changes", "publish", "1", fails=True)
    with installation.session() as session:
        request = requests.get_change(session, ChangeAt("demo", "prod", 1))
        approve_change(session, BERT, at(request), expected_version=request.version)
    run("changes", "schedule", "1", "--at", f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%S}")
    run("changes", "unschedule", "1")
    published = run("changes", "publish", "1")

    assert "enabled: no → yes" in shown
    assert "has 0 of the 1 approvals" in refused
    assert published == "Change request 1 is published.\n"
    assert run("changes", "list") == ""
    assert "published" in run("changes", "list", "--all")
    with installation.reading() as session:
        assert queries.get_state(session, FlagAt("demo", "prod", "ranker")).enabled


def test_the_command_line_rebases_and_withdraws_what_it_wrote(installation: Database) -> None:
    run("flags", "toggle", "ranker", "on", "--propose")
    with installation.session() as session:
        state = queries.get_state(session, PROD)
        targeting = Targeting(rules=(), default="v2", off="v1")
        service.set_targeting(session, By(SYSTEM), PROD, targeting, expected_version=state.version)

    assert "would be refused" in run("changes", "show", "1")
    run("changes", "rebase", "1")
    assert "would be refused" not in run("changes", "show", "1")
    assert run("changes", "withdraw", "1") == "Change request 1 is withdrawn.\n"
    assert "withdrawn" in run("changes", "submit", "1", fails=True)


def test_a_request_of_a_protected_environment_is_locked_once_published(protected: Database) -> None:
    request = agreed(protected, around(protected, Proposal(holdout=100)))

    with pytest.raises(Locked), protected.session() as session:
        edit_change(session, ADA, at(request), Proposal(holdout=5), expected_version=request.version)
