"""Commands on experiments: what each does, and what each refuses."""

from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Thread

import pytest
from sqlalchemy.orm import Session

from experiments import queries, service
from experiments.metrics import proportion
from experiments.model import Brief, ExperimentAt, Outcome, Status
from experiments.report import Decision
from experiments.rule import DecisionRule, Guardrail
from flags import service as flags
from runtime import audit
from runtime.database import Base, Database
from runtime.errors import Conflict, Invalid, Locked, NotFound, PointsmanError
from tests.experiments.world import (
    ADA,
    AT,
    BY,
    NOW,
    SPLIT,
    design,
    draft,
    make_flag,
    start,
    stop,
    switch,
    target,
)

THREADS = 8
SHIP = Outcome(decision=Decision.SHIP, variant="v2", note="clear")


def actions(session: Session) -> list[str]:
    return [entry.action for entry in audit.entries(session, subject=AT.path)]


def test_a_draft_is_kept_as_it_was_written(database: Database) -> None:
    with database.session() as session:
        made = draft(session)

    with database.reading() as session:
        assert queries.get_experiment(session, AT) == made
        assert made.status is Status.DRAFT
        assert made.design == design()
        assert made.plan is None
        assert actions(session) == ["experiment.create"]


def test_a_draft_whose_control_is_no_variant_of_its_flag_is_refused(database: Database) -> None:
    with database.session() as session, pytest.raises(Invalid) as refused:
        draft(session, control="v9")

    assert refused.value.field == "control"
    assert str(refused.value) == "control: 'v9' is no variant of 'digit-reader'; it has v1, v2, v3"


def test_a_draft_changes_and_counts_its_versions(database: Database) -> None:
    with database.session() as session:
        made = draft(session)
        edited = service.edit(session, ADA, AT, design(name="Other"), expected_version=made.version)

    with database.reading() as session:
        assert queries.get_experiment(session, AT) == edited
        assert (edited.version, edited.design.name) == (2, "Other")


def test_the_start_fixes_the_plan_from_the_flag(database: Database) -> None:
    with database.session() as session:
        running = start(session)

    assert running.status is Status.RUNNING
    assert running.started_at == NOW
    assert running.plan is not None
    assert running.plan.weights == SPLIT
    assert running.plan.salt == "demo/digit-reader"
    with database.reading() as session:
        assert queries.get_experiment(session, AT) == running
        assert queries.running_experiment(session, "demo", "prod", "digit-reader") == running


def test_a_whole_life_is_audited(database: Database) -> None:
    with database.session() as session:
        stopped = stop(session, start(session))
        decided = service.decide(session, ADA, AT, SHIP, expected_version=stopped.version, now=NOW)

    with database.reading() as session:
        assert queries.get_experiment(session, AT) == decided
        assert (decided.status, decided.outcome) == (Status.DECIDED, SHIP)
        assert actions(session) == [
            "experiment.decide",
            "experiment.stop",
            "experiment.start",
            "experiment.create",
        ]


def test_somebody_elses_version_is_a_conflict_that_shows_theirs(database: Database) -> None:
    with database.session() as session:
        draft(session)
        service.edit(session, ADA, AT, design(name="Theirs"), expected_version=1)

        with pytest.raises(Conflict) as conflict:
            service.edit(session, ADA, AT, design(name="Mine"), expected_version=1)

    assert (conflict.value.expected, conflict.value.actual) == (1, 2)
    assert conflict.value.theirs["name"] == "Theirs"


INCOMPLETE: dict[str, dict[str, object]] = {
    "hypothesis": {"hypothesis": "  "},
    "brief.decision": {"brief": Brief(owner="Ada", ships_when="x")},
    "brief.owner": {"brief": Brief(decision="x", ships_when="x")},
    "brief.ships_when": {"brief": Brief(decision="x", owner="Ada")},
    "control": {"control": "v3"},
    "flag_rule": {"flag_rule": "r99"},
}


@pytest.mark.parametrize("field", INCOMPLETE)
def test_an_open_question_keeps_a_draft_from_starting(database: Database, field: str) -> None:
    with database.session() as session:
        draft(session, **INCOMPLETE[field])

        with pytest.raises(Invalid) as invalid:
            service.start(session, ADA, AT, expected_version=1, now=NOW)

    assert invalid.value.field == field


def _one_variant(session: Session) -> None:
    target(session, {"v1": 100_000})


def _off(session: Session) -> None:
    switch(session, on=False)


def _archived(session: Session) -> None:
    flags.archive_flag(session, BY, "demo", "digit-reader", expected_version=1)


@pytest.mark.parametrize(
    ("spoil", "words"), [(_one_variant, "no rule"), (_off, "switched off"), (_archived, "archived")]
)
def test_a_flag_that_cannot_carry_it_keeps_a_draft_from_starting(
    database: Database, spoil: Callable[[Session], None], words: str
) -> None:
    with database.session() as session:
        draft(session)
        spoil(session)

        with pytest.raises(Invalid, match=words) as invalid:
            service.start(session, ADA, AT, expected_version=1, now=NOW)

    assert invalid.value.field == "flag"


def test_a_rule_of_one_variant_chosen_by_name_does_not_split(database: Database) -> None:
    with database.session() as session:
        rule = target(session, {"v1": 100_000}).rules[0].id
        draft(session, flag_rule=rule)

        with pytest.raises(Invalid, match="single variant"):
            service.start(session, ADA, AT, expected_version=1, now=NOW)


def test_one_flag_carries_one_running_experiment(database: Database) -> None:
    other = ExperimentAt("demo", "prod", "another")
    with database.session() as session:
        start(session)
        service.create(session, ADA, other, design(), now=NOW)

        with pytest.raises(Locked, match="'better-digits' already runs"):
            service.start(session, ADA, other, expected_version=1, now=NOW)


def test_steps_go_forward_only(database: Database) -> None:
    with database.session() as session:
        running = start(session)

        with pytest.raises(Locked, match="only a draft can be edited"):
            service.edit(session, ADA, AT, design(), expected_version=running.version)
        with pytest.raises(Locked, match="stop it first"):
            service.decide(session, ADA, AT, SHIP, expected_version=running.version, now=NOW)
        with pytest.raises(Locked, match="it is running"):
            service.start(session, ADA, AT, expected_version=running.version, now=NOW)


def test_a_draft_cannot_be_stopped(database: Database) -> None:
    with database.session() as session:
        draft(session)

        with pytest.raises(Locked, match="start it first"):
            service.stop(session, ADA, AT, expected_version=1, now=NOW)


BAD_OUTCOMES = [
    (Outcome(decision=Decision.KEEP_RUNNING, variant=None, note=""), "decision"),
    (Outcome(decision=Decision.SHIP, variant=None, note=""), "variant"),
    (Outcome(decision=Decision.ROLL_BACK, variant="v3", note=""), "variant"),
    (Outcome(decision=Decision.INCONCLUSIVE, variant=None, note="x" * 5_001), "note"),
]


@pytest.mark.parametrize(("outcome", "field"), BAD_OUTCOMES)
def test_an_outcome_is_final_and_about_a_variant_that_took_part(
    database: Database, outcome: Outcome, field: str
) -> None:
    with database.session() as session:
        stopped = stop(session, start(session))

        with pytest.raises(Invalid) as invalid:
            service.decide(session, ADA, AT, outcome, expected_version=stopped.version, now=NOW)

    assert invalid.value.field == field


BAD_DESIGNS: dict[str, dict[str, object]] = {
    "name": {"name": " "},
    "hypothesis": {"hypothesis": "x" * 5_001},
    "brief.owner": {"brief": Brief(owner="\x00")},
    "flag": {"flag": "No Key"},
    "control": {"control": ""},
    "unit_type": {"unit_type": "a b"},
    "flag_rule": {"flag_rule": "a b"},
    "metrics": {"metrics": ()},
    "metrics.0.key": {"metrics": (proportion("No Key"), proportion("correct"))},
    "metrics.0.outcome": {"metrics": (replace(proportion("correct"), outcome=""),)},
    "metrics.0.unit": {"metrics": (replace(proportion("correct"), unit="x" * 41),)},
    "metrics.1.key": {"metrics": (proportion("correct"), proportion("correct"))},
    "decision_rule.primary": {"decision_rule": DecisionRule(primary="other")},
    "decision_rule.guardrails.0.metric": {
        "decision_rule": DecisionRule(primary="correct", guardrails=(Guardrail(metric="x", margin=0),))
    },
}


@pytest.mark.parametrize("field", BAD_DESIGNS)
def test_a_bad_design_is_refused_by_field(database: Database, field: str) -> None:
    with database.session() as session, pytest.raises(Invalid) as invalid:
        draft(session, **BAD_DESIGNS[field])

    assert invalid.value.field == field


def test_a_key_is_taken_once_in_an_environment(database: Database) -> None:
    with database.session() as session:
        draft(session)

        with pytest.raises(Invalid, match="is taken"):
            draft(session)
        with pytest.raises(Invalid, match="not a key"):
            service.create(session, ADA, replace(AT, experiment="No Key"), design(), now=NOW)
        service.create(session, ADA, replace(AT, environment="dev"), design(), now=NOW)


def test_what_is_not_there_is_not_found(database: Database) -> None:
    with database.session() as session:
        with pytest.raises(NotFound):
            service.create(session, ADA, replace(AT, project="other"), design(), now=NOW)
        with pytest.raises(NotFound):
            draft(session, flag="other")
        with pytest.raises(NotFound):
            service.edit(session, ADA, AT, design(), expected_version=1)
        with pytest.raises(NotFound):
            service.request_report(session, AT, now=NOW)
        with pytest.raises(NotFound):
            queries.get_experiment(session, AT)
        with pytest.raises(NotFound):
            queries.list_experiments(session, "demo", "other")


def test_a_drafts_report_cannot_be_asked_for(database: Database) -> None:
    with database.session() as session:
        draft(session)

        with pytest.raises(Locked, match="nothing to report"):
            service.request_report(session, AT, now=NOW)


def test_lists_show_the_newest_first_and_one_flags_alone(database: Database) -> None:
    second = ExperimentAt("demo", "prod", "second")
    with database.session() as session:
        draft(session)
        service.create(session, ADA, second, design(), now=NOW)

    with database.reading() as session:
        found = queries.list_experiments(session, "demo", "prod", flag="digit-reader")
        assert [view.at for view in found] == [second, AT]
        assert queries.list_experiments(session, "demo", "prod", flag="other") == ()
        assert queries.list_experiments(session, "demo", "dev") == ()


@pytest.mark.postgres
def test_on_postgresql_too_of_many_starts_at_once_exactly_one_wins(postgres_url: str) -> None:
    opened = Database(postgres_url)
    try:
        Base.metadata.create_all(opened.engine)
        _race(opened)
        _race_of_edits(opened)
    finally:
        opened.close()


def test_of_many_starts_at_once_exactly_one_wins(tmp_path: object) -> None:
    opened = Database(f"sqlite:///{tmp_path}/race.db")
    try:
        Base.metadata.create_all(opened.engine)
        _race(opened)
        _race_of_edits(opened)
    finally:
        opened.close()


def _race(database: Database) -> None:
    with database.session() as session:
        make_flag(session)
        ats = [replace(AT, experiment=f"e{index}") for index in range(THREADS)]
        for at in ats:
            service.create(session, ADA, at, design(), now=NOW)

    def run(session: Session, index: int) -> None:
        service.start(session, ADA, ats[index], expected_version=1, now=NOW)

    refusals = _at_once(database, run)

    assert len(refusals) == THREADS - 1
    assert all(isinstance(error, Locked) for error in refusals)


def _race_of_edits(database: Database) -> None:
    with database.session() as session:
        service.create(session, ADA, AT, design(), now=NOW)

    def run(session: Session, index: int) -> None:
        service.edit(session, ADA, AT, design(name=f"Name {index}"), expected_version=1)

    refusals = _at_once(database, run)

    assert len(refusals) == THREADS - 1
    assert all(isinstance(error, Conflict) and error.actual == 2 for error in refusals)
    with database.reading() as session:
        assert queries.get_experiment(session, AT).version == 2
        assert actions(session).count("experiment.edit") == 1


def _at_once(database: Database, run: Callable[[Session, int], object]) -> list[PointsmanError]:
    barrier, refusals = Barrier(THREADS), list[PointsmanError]()

    def attempt(index: int) -> None:
        barrier.wait()
        try:
            with database.session() as session:
                run(session, index)
        except PointsmanError as error:
            refusals.append(error)

    threads = [Thread(target=attempt, args=(index,)) for index in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refusals
