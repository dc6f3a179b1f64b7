"""A project with a splitting flag, and the experiment on it that tests start, stop and ask about."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from experiments import service
from experiments.guards import ExperimentGuard
from experiments.metrics import PerUnit, mean, proportion
from experiments.model import Brief, Design, ExperimentAt, ExperimentView
from experiments.rule import DecisionRule, Guardrail
from flags import service as flags
from flags.guards import By
from flags.model import FlagAt, FlagState, NewFlag, RuleDraft, Targeting
from flags.queries import get_state
from pointsman.core.model import Json, Kind
from runtime.actors import Actor, ActorKind

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ADA = Actor(ActorKind.PERSON, "ada@example.org")
AT = ExperimentAt("demo", "prod", "better-digits")
FLAG_AT = FlagAt("demo", "prod", "digit-reader")
BY = By(ADA, "", (ExperimentGuard(),))
SPLIT = {"v1": 50_000, "v2": 50_000}


def design(**changes: object) -> Design:
    """A complete design."""
    values: dict[str, object] = {
        "name": "Better digits",
        "flag": "digit-reader",
        "control": "v1",
        "metrics": (mean("latency", per_unit=PerUnit.MEAN, unit="s"), proportion("correct")),
        "decision_rule": DecisionRule(
            primary="correct", guardrails=(Guardrail(metric="latency", margin=0.2),), minimum_units=10
        ),
        "hypothesis": "v2 reads more digits right",
        "brief": Brief(decision="which model serves", owner="Ada", ships_when="more right, not slower"),
    }
    return Design(**(values | changes))  # type: ignore[arg-type]  # the tests' own keyword values


def make_flag(session: Session) -> None:
    """Project demo and its flag digit-reader, on in prod, split in halves."""
    flags.create_project(session, BY, "demo")
    variants: dict[str, Json] = {name: {"model": name} for name in ("v1", "v2", "v3")}
    flags.create_flag(session, BY, "demo", NewFlag(key="digit-reader", kind=Kind.MODEL, variants=variants))
    target(session, SPLIT)
    switch(session, on=True)


def target(session: Session, weights: dict[str, int], *, default: str = "v1") -> FlagState:
    """Give the flag's one rule these weights."""
    state = get_state(session, FLAG_AT)
    rule = RuleDraft(id=state.rules[0].id if state.rules else "", weights=weights)
    targeting = Targeting(rules=(rule,), default=default, off="v1")
    return flags.set_targeting(session, BY, FLAG_AT, targeting, expected_version=state.version)


def switch(session: Session, *, on: bool) -> FlagState:
    """The kill switch."""
    state = get_state(session, FLAG_AT)
    return flags.set_enabled(session, BY, FLAG_AT, enabled=on, expected_version=state.version)


def draft(session: Session, **changes: object) -> ExperimentView:
    """A new draft."""
    return service.create(session, ADA, AT, design(**changes), now=NOW)


def start(session: Session) -> ExperimentView:
    """A new experiment, started."""
    made = draft(session)
    return service.start(session, ADA, AT, expected_version=made.version, now=NOW)


def stop(session: Session, running: ExperimentView, *, now: datetime = NOW) -> ExperimentView:
    """The running experiment, stopped."""
    return service.stop(session, ADA, running.at, expected_version=running.version, now=now)
