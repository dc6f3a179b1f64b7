"""What flows need before they can flow: a project, an even split, a running experiment, an SDK key."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from experiments import service as experiments
from experiments.guards import ExperimentGuard
from experiments.metrics import Metric
from experiments.model import Brief, Design, ExperimentAt
from experiments.rule import DecisionRule
from flags import queries, service
from flags.guards import By
from flags.model import FlagAt, NewFlag, RuleDraft, Targeting
from pointsman.core.model import Json, Kind, Split
from runtime.actors import Actor, ActorKind
from runtime.database import Database

ANNA = Actor(ActorKind.PERSON, "anna@example.org")
BRIEF = Brief(decision="which one serves", owner="anna", ships_when="the primary metric is better")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running experiment, the key of its environment, and the flag's salt and split."""

    at: ExperimentAt
    sdk_key: str
    salt: str
    split: Split


def running_experiment(
    database: Database, flag: str, variants: tuple[str, str], metrics: tuple[Metric, ...]
) -> Running:
    """An experiment on an even split of two variants in demo/prod; the first variant is control."""
    with database.session() as session:
        by = By(ANNA, "a test", (ExperimentGuard(),))
        service.create_project(session, by, "demo")
        at = FlagAt("demo", "prod", flag)
        payloads: dict[str, Json] = {name: {"model": name} for name in variants}
        made = service.create_flag(session, by, "demo", NewFlag(key=flag, kind=Kind.MODEL, variants=payloads))
        split = _split_evenly(session, by, at, variants)
        key = service.create_sdk_key(session, by, "demo", "prod", name="tests")
        experiment = ExperimentAt("demo", "prod", "trial")
        now = datetime.now(UTC)
        design = Design(
            name="Trial",
            flag=flag,
            control=variants[0],
            metrics=metrics,
            decision_rule=DecisionRule(primary=metrics[0].key),
            hypothesis="the second is better",
            brief=BRIEF,
        )
        draft = experiments.create(session, ANNA, experiment, design, now=now)
        experiments.start(session, ANNA, experiment, expected_version=draft.version, now=now)
    return Running(at=experiment, sdk_key=key.secret, salt=made.salt, split=split)


def _split_evenly(session: Session, by: By, at: FlagAt, variants: tuple[str, str]) -> Split:
    state = queries.get_state(session, at)
    rule = RuleDraft(weights=dict.fromkeys(variants, 50_000))
    targeting = Targeting(rules=(rule,), default=variants[0], off=variants[0])
    state = service.set_targeting(session, by, at, targeting, expected_version=state.version)
    service.set_enabled(session, by, at, enabled=True, expected_version=state.version)
    return state.rules[0].split
