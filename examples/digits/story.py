"""The admin's half of the story, through the same service functions as the pages and the API."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from examples.digits.application import FLAG
from experiments import service as experiments
from experiments.guards import ExperimentGuard
from experiments.metrics import Direction, PerUnit, mean, proportion
from experiments.model import Brief, Design, ExperimentAt
from experiments.rule import DecisionRule, Guardrail
from flags import queries, service
from flags.guards import By
from flags.model import FlagAt, NewFlag, RuleDraft, Targeting
from pointsman.core.model import Kind
from runtime.accounts import service as accounts
from runtime.actors import Actor, ActorKind
from runtime.database import Database

ADMIN: Final = "admin@example.org"
ENVIRONMENT: Final = "prod"
_ACTOR: Final = Actor(ActorKind.CLI, "demo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What was made: where the experiment is, and the application's key."""

    at: ExperimentAt
    sdk_key: str


def begin(database: Database, offline_score: dict[str, float]) -> Story:
    """Make project, flag, split, experiment and SDK key, and start the experiment."""
    with database.session() as session:
        project = _free_project(session)
        by = By(_ACTOR, "the demo", (ExperimentGuard(),))
        service.create_project(session, by, project, name="Digit reading")
        at = FlagAt(project, ENVIRONMENT, FLAG)
        service.create_flag(session, by, project, _flag(offline_score))
        _split_evenly(session, by, at)
        key = service.create_sdk_key(session, by, project, ENVIRONMENT, name="the demo application")
        experiment = ExperimentAt(project, ENVIRONMENT, "better-digits")
        now = datetime.now(UTC)
        draft = experiments.create(session, _ACTOR, experiment, _design(), now=now)
        experiments.start(session, _ACTOR, experiment, expected_version=draft.version, now=now)
    return Story(at=experiment, sdk_key=key.secret)


def sign_in_link(database: Database) -> str:
    """A one-time token that signs the admin in."""
    now = datetime.now(UTC)
    with database.session() as session:
        accounts.ensure_person(session, _ACTOR, ADMIN, now=now)
        return accounts.create_sign_in_link(session, _ACTOR, ADMIN, now=now)


def _free_project(session: Session) -> str:
    taken = {project.key for project in queries.list_projects(session)}
    names = ("demo", *(f"demo-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def _flag(offline_score: dict[str, float]) -> NewFlag:
    return NewFlag(
        key=FLAG,
        name="Digit reader",
        description="Which model reads the digits that users send",
        kind=Kind.MODEL,
        variants={
            "v1": {
                "provider": "scikit-learn",
                "model": "naive-bayes",
                "version": "1",
                "offline_score": round(offline_score["v1"], 4),
            },
            "v2": {
                "provider": "scikit-learn",
                "model": "support-vector-machine",
                "version": "2",
                "offline_score": round(offline_score["v2"], 4),
            },
        },
    )


def _split_evenly(session: Session, by: By, at: FlagAt) -> None:
    state = queries.get_state(session, at)
    targeting = Targeting(rules=(RuleDraft(weights={"v1": 50_000, "v2": 50_000}),), default="v1", off="v1")
    state = service.set_targeting(session, by, at, targeting, expected_version=state.version)
    service.set_enabled(session, by, at, enabled=True, expected_version=state.version)


def _design() -> Design:
    return Design(
        name="Does the new reader get more digits right?",
        flag=FLAG,
        control="v1",
        hypothesis="A support vector machine reads more digits right than naive Bayes, hardly slower.",
        brief=Brief(
            decision="Which model reads digits from next week on",
            owner=ADMIN,
            ships_when="more digits are read right, and no reading takes over 10 ms longer",
        ),
        metrics=(
            proportion("correct"),
            mean("latency", per_unit=PerUnit.MEAN, direction=Direction.DECREASE, unit="ms"),
        ),
        decision_rule=DecisionRule(
            primary="correct", guardrails=(Guardrail(metric="latency", margin=10.0, relative=False),)
        ),
    )
