"""Change requests: drafted, approved by others, published against what is really there."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from flags import queries, requests, service
from flags.changes.encoding import proposal_from_json, proposal_to_json
from flags.changes.model import ChangeRequest, ChangeState, Proposal
from flags.guards import By
from flags.model import FlagEdit, RuleDraft, Targeting
from flags.service.approving import (
    approve_change,
    publish_change,
    reject_change,
    schedule_change,
    unschedule_change,
)
from flags.service.drafting import (
    create_change,
    edit_change,
    rebase_change,
    submit_change,
    withdraw_change,
)
from flags.service.due import publish_due
from flags.service.requests import ChangeAt
from pointsman.core.splits import weights_of
from runtime import audit
from runtime.actors import SYSTEM, Actor, ActorKind
from runtime.database import Database
from runtime.errors import ApprovalRequired, Conflict, Forbidden, Invalid, Locked, NotFound
from tests.flags.making import (
    ANNA,
    BERT,
    DEV,
    GERMANS,
    PROD,
    V1,
    V2,
    actions,
    demo,
    split,
    targeting,
)
from tests.flags.test_races import together

CARL = By(Actor(ActorKind.PERSON, "carl@example.org"))
TOKEN = By(Actor(ActorKind.TOKEN, "deploy"))
EVEN = Proposal(targeting=targeting(split(50, 50)))


def protect(session: Session, approvers: int = 1) -> None:
    """`prod` asks for so many approvals."""
    before = queries.get_environment(session, "demo", "prod").required_approvers
    service.set_required_approvers(session, ANNA, "demo", "prod", approvers, expected=before)


def at(request: ChangeRequest) -> ChangeAt:
    return ChangeAt("demo", "prod", request.id)


def proposed(session: Session, proposal: Proposal = EVEN, by: By = ANNA) -> ChangeRequest:
    """A submitted request."""
    made = create_change(session, by, PROD, proposal)
    return submit_change(session, by, at(made), expected_version=made.version)


def approved(session: Session, proposal: Proposal = EVEN) -> ChangeRequest:
    """Anna's request with Bert's approval."""
    made = proposed(session, proposal)
    return approve_change(session, BERT, at(made), expected_version=made.version)


def test_a_protected_environment_refuses_direct_changes(database: Database) -> None:
    with database.session() as session:
        demo(session)
        protect(session)

        for by in (ANNA, TOKEN, By(Actor(ActorKind.CLI, "root"))):
            with pytest.raises(ApprovalRequired) as error:
                service.set_targeting(session, by, PROD, targeting(split(50, 50)), expected_version=1)
            with pytest.raises(ApprovalRequired):
                service.set_enabled(session, by, PROD, enabled=True, expected_version=1)
        with pytest.raises(ApprovalRequired):
            edit = FlagEdit(variants={"v1": V1})
            service.edit_flag(session, ANNA, "demo", "ranker", edit, expected_version=1)
        with pytest.raises(ApprovalRequired):
            service.archive_flag(session, ANNA, "demo", "ranker", expected_version=1)

        assert error.value.details() == {"required_approvers": 1}
        assert "change request" in str(error.value)
        assert queries.get_state(session, PROD).version == 1
        assert service.set_enabled(session, ANNA, DEV, enabled=True, expected_version=1).enabled


def test_the_kill_switch_and_automation_pass_at_once(database: Database) -> None:
    with database.session() as session:
        demo(session)
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)
        protect(session, 2)

        off = service.set_enabled(session, ANNA, PROD, enabled=False, expected_version=2)
        automatic = service.set_targeting(
            session, By(SYSTEM), PROD, targeting(split(10, 90)), expected_version=3
        )

        assert not off.enabled
        assert automatic.version == 4


def test_a_rename_or_a_new_flag_needs_nobody(database: Database) -> None:
    with database.session() as session:
        demo(session)
        protect(session)

        renamed = service.edit_flag(
            session, ANNA, "demo", "ranker", FlagEdit(name="Ranking"), expected_version=1
        )

        assert renamed.name == "Ranking"


def test_an_approved_request_is_published_with_its_reason(database: Database) -> None:
    with database.session() as session:
        demo(session)
        protect(session)
        request = create_change(
            session, By(ANNA.actor, "try v2"), PROD, Proposal(targeting=EVEN.targeting, enabled=True)
        )
        request = submit_change(session, ANNA, at(request), expected_version=1)
        request = approve_change(session, BERT, at(request), expected_version=2)

        done = publish_change(session, CARL, at(request), expected_version=request.version)

        state = queries.get_state(session, PROD)
        assert weights_of(state.rules[0].split) == {"v1": 50_000, "v2": 50_000}
        assert state.enabled
        assert (done.state, done.published_revision) == (ChangeState.PUBLISHED, 3)
        newest = queries.list_revisions(session, "demo", "prod")[0]
        assert newest.reason == f"change request {done.id}: try v2"
        assert newest.actor == CARL.actor
        assert actions(session)[-6:] == [
            "change.write",
            "change.submit",
            "change.approve",
            "flag.target",
            "flag.toggle",
            "change.publish",
        ]


def test_nobody_approves_what_they_wrote_and_nobody_twice(database: Database) -> None:
    with database.session() as session:
        demo(session)
        protect(session, 2)
        request = proposed(session)

        with pytest.raises(Forbidden):
            approve_change(session, ANNA, at(request), expected_version=request.version)
        with pytest.raises(Forbidden, match="people"):
            approve_change(session, TOKEN, at(request), expected_version=request.version)
        once = approve_change(session, BERT, at(request), expected_version=request.version)
        with pytest.raises(Locked, match="already"):
            approve_change(session, BERT, at(request), expected_version=once.version)
        with pytest.raises(ApprovalRequired):
            publish_change(session, ANNA, at(request), expected_version=once.version)
        twice = approve_change(session, CARL, at(request), expected_version=once.version)

        assert (once.state, twice.state) == (ChangeState.SUBMITTED, ChangeState.APPROVED)


def test_any_edit_cancels_the_approvals_and_makes_its_author_a_writer(database: Database) -> None:
    with database.session() as session:
        demo(session)
        protect(session)
        request = approved(session)

        other = Proposal(targeting=targeting(split(90, 10)))
        edited = edit_change(session, CARL, at(request), other, expected_version=request.version)

        assert (edited.state, edited.valid) == (ChangeState.SUBMITTED, ())
        assert audit.entries(session)[0].details["cancelled_approvals"] == ["bert@example.org"]
        with pytest.raises(ApprovalRequired):
            publish_change(session, ANNA, at(request), expected_version=edited.version)
        with pytest.raises(Forbidden):
            approve_change(session, CARL, at(request), expected_version=edited.version)
        again = approve_change(session, BERT, at(request), expected_version=edited.version)
        assert again.state is ChangeState.APPROVED


def test_an_approval_counts_only_for_the_version_its_author_saw(database: Database) -> None:
    with database.session() as session:
        demo(session)
        protect(session)
        request = proposed(session)
        other = Proposal(targeting=targeting(split(1, 99)))
        edit_change(session, ANNA, at(request), other, expected_version=request.version)

        with pytest.raises(Conflict):
            approve_change(session, BERT, at(request), expected_version=request.version)


def test_an_edit_that_changes_nothing_leaves_no_trace(database: Database) -> None:
    with database.session() as session:
        demo(session)
        protect(session)
        request = approved(session)

        same = edit_change(session, CARL, at(request), EVEN, expected_version=request.version)

        assert same == requests.get_change(session, at(request))
        assert same.state is ChangeState.APPROVED


def test_a_flag_that_moved_on_is_not_overwritten_until_rebased(database: Database) -> None:
    with database.session() as session:
        demo(session)
        protect(session)
        request = approved(session)
        service.set_targeting(session, By(SYSTEM), PROD, targeting(split(10, 90)), expected_version=1)

        with pytest.raises(Conflict) as error:
            publish_change(session, ANNA, at(request), expected_version=request.version)
        rebased = rebase_change(session, ANNA, at(request), expected_version=request.version)

        assert (error.value.expected, error.value.actual) == (1, 2)
        assert (rebased.base_state, rebased.valid, rebased.state) == (2, (), ChangeState.SUBMITTED)
        again = approve_change(session, BERT, at(request), expected_version=rebased.version)
        done = publish_change(session, ANNA, at(request), expected_version=again.version)
        assert done.state is ChangeState.PUBLISHED
        assert queries.get_state(session, PROD).version == 3


def test_a_flag_that_moved_on_in_the_same_words_is_noticed_too(database: Database) -> None:
    with database.session() as session:
        demo(session)
        request = proposed(session, Proposal(enabled=True))
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)
        service.set_enabled(session, ANNA, PROD, enabled=False, expected_version=2)

        with pytest.raises(Conflict):
            publish_change(session, ANNA, at(request), expected_version=request.version)


def test_without_required_approvers_a_submitted_request_is_ready(database: Database) -> None:
    with database.session() as session:
        demo(session)

        request = proposed(session)

        assert request.state is ChangeState.APPROVED
        done = publish_change(session, ANNA, at(request), expected_version=request.version)
        assert done.state is ChangeState.PUBLISHED


def test_more_approvers_asked_for_later_are_needed_too(database: Database) -> None:
    with database.session() as session:
        demo(session)
        protect(session, 1)
        request = approved(session)
        protect(session, 2)

        with pytest.raises(ApprovalRequired):
            publish_change(session, ANNA, at(request), expected_version=request.version)


def test_variants_and_the_rules_that_serve_them_are_published_together(database: Database) -> None:
    with database.session() as session:
        demo(session)
        service.set_targeting(session, ANNA, PROD, targeting(split(50, 50)), expected_version=1)
        rule = RuleDraft(id="r1", weights={"v3": 100_000})
        wanted = Proposal(
            variants={"v3": V1, "v4": V2}, targeting=Targeting(rules=(rule,), default="v3", off="v4")
        )
        with pytest.raises(Invalid):
            publish_it(session, Proposal(variants=wanted.variants))
        for each in (DEV, PROD.__class__("demo", "staging", "ranker")):
            extra = FlagEdit(variants={"v1": V1, "v2": V2, "v3": V1, "v4": V2})
            version = queries.get_flag(session, "demo", "ranker").flag.version
            service.edit_flag(session, ANNA, "demo", "ranker", extra, expected_version=version)
            there = queries.get_state(session, each)
            draft = Targeting(rules=(), default="v3", off="v4")
            service.set_targeting(session, ANNA, each, draft, expected_version=there.version)

        done = publish_it(session, wanted)

        assert done.state is ChangeState.PUBLISHED
        assert list(queries.get_flag(session, "demo", "ranker").flag.variants) == ["v3", "v4"]


def publish_it(session: Session, proposal: Proposal) -> ChangeRequest:
    request = proposed(session, proposal)
    with session.begin_nested():
        return publish_change(session, ANNA, at(request), expected_version=request.version)


def test_an_archive_and_a_revert_go_through_requests_too(database: Database) -> None:
    with database.session() as session:
        demo(session)
        service.set_targeting(session, ANNA, PROD, targeting(split(50, 50)), expected_version=1)

        publish_it(session, Proposal(revert=2))
        publish_it(session, Proposal(archived=True))

        detail = queries.get_flag(session, "demo", "ranker")
        assert detail.state("prod").rules == ()
        assert detail.flag.archived_at is not None


WRONG = {
    "nothing": (Proposal(), "proposal"),
    "two things that stand alone": (Proposal(archived=True, revert=1), "proposal"),
    "a variant nobody knows": (Proposal(targeting=targeting(default="v9")), "default"),
    "weights of 99 %": (Proposal(targeting=targeting(split(50, 49))), "rules.0.weights"),
    "no variants": (Proposal(variants={}), "variants"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_bad_proposal_is_refused_by_field(database: Database, what: str) -> None:
    proposal, field = WRONG[what]
    with database.session() as session:
        demo(session)

        with pytest.raises(Invalid) as error:
            create_change(session, ANNA, PROD, proposal)

        assert error.value.field == field


def test_a_revert_of_a_revision_that_is_not_there_is_not_found(database: Database) -> None:
    with database.session() as session:
        demo(session)

        for number in (0, 99, 10**30):
            with pytest.raises(NotFound):
                create_change(session, ANNA, PROD, Proposal(revert=number))


def test_what_is_over_stays_over(database: Database) -> None:
    with database.session() as session:
        demo(session)
        request = proposed(session)
        gone = withdraw_change(session, ANNA, at(request), expected_version=request.version)

        for command in (submit_change, publish_change, approve_change, rebase_change, withdraw_change):
            with pytest.raises(Locked):
                command(session, BERT, at(gone), expected_version=gone.version)
        with pytest.raises(Locked):
            edit_change(session, ANNA, at(gone), EVEN, expected_version=gone.version)


def test_only_a_writer_withdraws_and_only_others_reject(database: Database) -> None:
    with database.session() as session:
        demo(session)
        protect(session)
        request = proposed(session)

        with pytest.raises(Forbidden):
            withdraw_change(session, BERT, at(request), expected_version=request.version)
        with pytest.raises(Forbidden):
            reject_change(session, ANNA, at(request), expected_version=request.version)
        rejected = reject_change(
            session, By(BERT.actor, "too early"), at(request), expected_version=request.version
        )

        assert rejected.state is ChangeState.REJECTED
        assert audit.entries(session)[0].details["reason"] == "too early"
        other = Proposal(enabled=True)
        reopened = edit_change(session, ANNA, at(request), other, expected_version=rejected.version)
        assert reopened.state is ChangeState.DRAFT


def due(database: Database, proposal: Proposal = EVEN) -> ChangeRequest:
    """A request that is scheduled for the next hour."""
    with database.session() as session:
        demo(session)
        protect(session)
        request = approved(session, proposal)
        soon = datetime.now(UTC) + timedelta(hours=1)
        return schedule_change(session, ANNA, at(request), publish_at=soon, expected_version=request.version)


def later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=2)


def test_a_scheduled_request_is_published_at_its_instant_and_not_before(database: Database) -> None:
    request = due(database)

    assert not publish_due(database, By(SYSTEM), datetime.now(UTC))
    with database.reading() as session:
        assert requests.get_change(session, at(request)).state is ChangeState.SCHEDULED
    publish_due(database, By(SYSTEM), later())

    with database.reading() as session:
        assert requests.get_change(session, at(request)).state is ChangeState.PUBLISHED
        newest = queries.list_revisions(session, "demo", "prod")[0]
        assert newest.actor == SYSTEM
        assert queries.get_state(session, PROD).version == 2


def test_many_workers_publish_what_is_due_exactly_once(database: Database) -> None:
    request = due(database)

    together([lambda: publish_due(database, By(SYSTEM), later())] * 8)

    with database.reading() as session:
        done = requests.get_change(session, at(request))
        assert (done.state, done.version) == (ChangeState.PUBLISHED, request.version + 1)
        assert queries.get_state(session, PROD).version == 2
        assert actions(session).count("change.publish") == 1


def test_what_cannot_be_published_when_due_is_kept_with_the_reason(database: Database) -> None:
    request = due(database)
    with database.session() as session:
        service.set_targeting(session, By(SYSTEM), PROD, targeting(split(10, 90)), expected_version=1)

    publish_due(database, By(SYSTEM), later())
    publish_due(database, By(SYSTEM), later())

    with database.session() as session:
        failed = requests.get_change(session, at(request))
        assert failed.state is ChangeState.FAILED
        assert "version 1, it is now at 2" in failed.failure
        assert actions(session).count("change.fail") == 1
        assert queries.get_state(session, PROD).version == 2
        back = rebase_change(session, ANNA, at(request), expected_version=failed.version)
        assert (back.state, back.failure) == (ChangeState.DRAFT, "")


def test_a_scheduled_request_can_be_taken_back_with_its_approvals(database: Database) -> None:
    request = due(database)

    with database.session() as session:
        waiting = unschedule_change(session, CARL, at(request), expected_version=request.version)

    publish_due(database, By(SYSTEM), later())
    with database.reading() as session:
        assert requests.get_change(session, at(request)) == waiting
        assert (waiting.state, len(waiting.valid)) == (ChangeState.APPROVED, 1)


@pytest.mark.parametrize("hours", [-1, 0, 24 * 400])
def test_an_instant_is_in_the_coming_year(database: Database, hours: int) -> None:
    with database.session() as session:
        demo(session)
        request = proposed(session)

        with pytest.raises(Invalid) as error:
            schedule_change(
                session,
                ANNA,
                at(request),
                publish_at=datetime.now(UTC) + timedelta(hours=hours),
                expected_version=request.version,
            )

        assert error.value.field == "publish_at"


def test_a_rehearsal_shows_what_would_change_and_changes_nothing(database: Database) -> None:
    with database.session() as session:
        demo(session)
        protect(session)
        request = proposed(session)

    with database.rehearsing() as session:
        found = requests.rehearse(session, ANNA, request)

    assert [each.field for each in found.differences] == ["rules.r1"]
    assert found.differences[0].after == "v1 50 %, v2 50 %"
    assert (found.problem, found.moved_on) == ("", False)
    with database.reading() as session:
        assert queries.get_state(session, PROD).version == 1
        assert "flag.target" not in actions(session)


def test_a_rehearsal_says_why_it_would_be_refused(database: Database) -> None:
    with database.session() as session:
        demo(session)
        request = proposed(session)
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)

    with database.rehearsing() as session:
        found = requests.rehearse(session, ANNA, request)

    assert found.moved_on
    assert "somebody else" in found.problem


def test_the_number_of_approvers_is_bounded_versioned_and_audited(database: Database) -> None:
    with database.session() as session:
        demo(session)

        with pytest.raises(Invalid):
            service.set_required_approvers(session, ANNA, "demo", "prod", 6, expected=0)
        with pytest.raises(Conflict):
            service.set_required_approvers(session, ANNA, "demo", "prod", 1, expected=2)
        service.set_required_approvers(session, ANNA, "demo", "prod", 1, expected=0)
        service.set_required_approvers(session, ANNA, "demo", "prod", 1, expected=1)

        assert actions(session).count("environment.approvers") == 1
        assert queries.get_environment(session, "demo", "prod").required_approvers == 1


def test_every_field_of_a_proposal_survives_its_column() -> None:
    proposal = Proposal(
        targeting=targeting(split(50, 50, rule="r1", conditions=(GERMANS,))),
        enabled=False,
        variants={"v1": {"a": [1, 1.0, True, None]}, "$": {"$": "map"}},
        archived=True,
        revert=3,
    )

    assert proposal_from_json(proposal_to_json(proposal)) == proposal
    assert {each.name for each in fields(Proposal)} == proposal_to_json(proposal).keys()
