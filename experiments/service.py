"""The one write path of experiments (law 8): commands in the caller's transaction, audited, versioned."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from experiments.encoding import view_to_json
from experiments.lifecycle import check_editable, check_step
from experiments.model import Design, ExperimentAt, ExperimentView, Outcome, Plan, Status
from experiments.storage import experiments, reports
from experiments.validation import (
    check_complete,
    check_control,
    check_design,
    check_experiment_key,
    check_outcome,
    plan_of,
)
from flags.earlier import EarlierSplit
from flags.model import FlagAt
from flags.queries import earlier_split, get_flag, get_state
from flags.service.opening import open_environment
from runtime import audit
from runtime.actors import Actor
from runtime.errors import Conflict, Invalid, Locked, NotFound


def create(
    session: Session, actor: Actor, at: ExperimentAt, design: Design, *, now: datetime
) -> ExperimentView:
    """A new draft. NotFound: project, environment or flag. Invalid: the design, or the key is taken."""
    check_experiment_key(at.experiment)
    check_design(design)
    environment = open_environment(session, at.project, at.environment)
    check_control(design, get_flag(session, at.project, design.flag))
    if experiments.find(session, at) is not None:
        raise Invalid("key", f"{at.experiment!r} is taken in {at.project}/{at.environment}; choose another")
    view = experiments.add(session, environment.id, at, design, now=now)
    _trace(session, actor, "create", view)
    return view


def edit(
    session: Session, actor: Actor, at: ExperimentAt, design: Design, *, expected_version: int
) -> ExperimentView:
    """Replace a draft's design, whole. NotFound, Conflict, Invalid; Locked: it is no draft any more."""
    check_design(design)
    view = _open(session, at, expected_version)
    check_editable(at.path, view.status)
    check_control(design, get_flag(session, at.project, design.flag))
    return _save(session, actor, "edit", replace(view, design=design))


def start(
    session: Session, actor: Actor, at: ExperimentAt, *, expected_version: int, now: datetime
) -> ExperimentView:
    """Start it: from now on design, decision rule and planned split are fixed, and the flag's split locked.

    NotFound, Conflict. Invalid: questions left open, or the flag is off or does not split. Locked: not a
    draft, or another experiment runs on the flag.
    """
    # Locks the environment, as every change of its flags does: what is read here holds until the commit.
    environment = open_environment(session, at.project, at.environment)
    view = _open(session, at, expected_version)
    check_step(at.path, view.status, Status.RUNNING)
    check_complete(view.design)
    plan = plan_of(view.design, get_flag(session, at.project, view.design.flag), at.environment)
    running = experiments.list_of(
        session, environment_id=environment.id, flag=view.design.flag, statuses=(Status.RUNNING,)
    )
    if running:
        other = running[0].at.experiment
        raise Locked(
            at.path, f"experiment {other!r} already runs on flag {view.design.flag!r}; stop it first"
        )
    plan = replace(plan, earlier=_earlier(session, at, view.design.flag, plan))
    started = replace(view, status=Status.RUNNING, plan=plan, started_at=now)
    return _save(session, actor, "start", started, weights=dict(plan.weights), flag_rule=plan.flag_rule)


def stop(
    session: Session, actor: Actor, at: ExperimentAt, *, expected_version: int, now: datetime
) -> ExperimentView:
    """Stop it: events from now on do not count, and the flag's split is free. NotFound, Conflict, Locked."""
    view = _open(session, at, expected_version)
    check_step(at.path, view.status, Status.STOPPED)
    reports.request(session, view.id, now=now)
    return _save(session, actor, "stop", replace(view, status=Status.STOPPED, stopped_at=now))


def decide(
    session: Session,
    actor: Actor,
    at: ExperimentAt,
    outcome: Outcome,
    *,
    expected_version: int,
    now: datetime,
) -> ExperimentView:
    """Record what was decided and why; changing the flag is a step of its own, by the flags' commands.

    NotFound, Conflict, Locked; Invalid: no final decision, or a variant that did not take part.
    """
    view = _open(session, at, expected_version)
    check_step(at.path, view.status, Status.DECIDED)
    assert view.plan is not None  # noqa: S101  (a stopped experiment was started, which made its plan)
    check_outcome(outcome, view.plan)
    decided = replace(view, status=Status.DECIDED, outcome=outcome, decided_at=now)
    details = {"decision": outcome.decision, "variant": outcome.variant}
    return _save(session, actor, "decide", decided, **details)


def request_report(session: Session, at: ExperimentAt, *, now: datetime) -> None:
    """Ask the worker for a fresh report. NotFound; Locked: a draft has no data."""
    view = experiments.find(session, at)
    if view is None:
        raise NotFound("experiment", at.path)
    if view.status is Status.DRAFT:
        raise Locked(at.path, "it is a draft, so there is nothing to report; start it first")
    reports.request(session, view.id, now=now)


def _earlier(session: Session, at: ExperimentAt, flag: str, plan: Plan) -> EarlierSplit | None:
    """What an earlier split still decides of the rule's units. Filters do not change once they are there."""
    where = FlagAt(at.project, at.environment, flag)
    rule = next(each for each in get_state(session, where).rules if each.id == plan.flag_rule)
    return earlier_split(session, where, rule)


def _open(session: Session, at: ExperimentAt, expected_version: int) -> ExperimentView:
    view = experiments.find(session, at)
    if view is None:
        raise NotFound("experiment", at.path)
    if view.version != expected_version:
        raise _conflict(view, expected_version)
    return view


def _save(session: Session, actor: Actor, verb: str, view: ExperimentView, **details: Any) -> ExperimentView:
    if not experiments.save(session, view, expected_version=view.version):
        theirs = experiments.find(session, view.at)
        assert theirs is not None  # noqa: S101  (experiments are never deleted)
        raise _conflict(theirs, view.version)
    saved = replace(view, version=view.version + 1)
    _trace(session, actor, verb, saved, **details)
    return saved


def _conflict(theirs: ExperimentView, expected_version: int) -> Conflict:
    subject = f"experiment {theirs.at.experiment!r}"
    return Conflict(subject, expected_version, theirs.version, view_to_json(theirs))


def _trace(session: Session, actor: Actor, verb: str, view: ExperimentView, **details: Any) -> None:
    entry = {"version": view.version, "status": view.status, "flag": view.design.flag, **details}
    audit.record(session, actor, f"experiment.{verb}", view.at.path, entry)
