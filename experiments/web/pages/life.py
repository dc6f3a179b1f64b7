"""The life of an experiment: the list, one experiment, starting, stopping, deciding."""

from datetime import UTC, datetime

from flask import flash, request
from flask.typing import ResponseReturnValue

from experiments import queries, service
from experiments.model import ExperimentAt, Outcome
from experiments.report import Decision
from experiments.web.pages.blueprint import blueprint, to_experiment
from experiments.web.pages.present import STATUS_MARKS, advice, report_view, verdict_mark
from flags import queries as flag_queries
from flags.model import FlagDetail
from flags.web.pages.forms import version_of
from flags.web.place import page, place
from runtime.errors import Invalid
from runtime.web.auth import require_actor
from runtime.web.state import state


@blueprint.get("/p/<project>/<environment>/experiments")
def experiment_list(project: str, environment: str) -> ResponseReturnValue:
    """The experiments of an environment, the newest first."""
    with state().database.reading() as session:
        here = place(session, project, environment)
        views = queries.list_experiments(session, project, environment)
        found = [(view, queries.find_report(session, view)) for view in views]
    return page(
        "experiments/list.html",
        section="experiments",
        place=here,
        experiments=[
            (view, STATUS_MARKS[view.status], stored.report.verdict, verdict_mark(stored.report))
            if stored
            else (view, STATUS_MARKS[view.status], None, "")
            for view, stored in found
        ],
    )


@blueprint.get("/p/<project>/<environment>/experiments/<experiment>")
def show_experiment(project: str, environment: str, experiment: str) -> ResponseReturnValue:
    """One experiment: what was written down, where it stands, and its report."""
    with state().database.reading() as session:
        here = place(session, project, environment, elsewhere="experiment_pages.experiment_list")
        view = queries.get_experiment(session, ExperimentAt(project, environment, experiment))
        stored = queries.find_report(session, view)
        flag = flag_queries.get_flag(session, project, view.design.flag)
    shown = None if stored is None else report_view(stored.report, _offline_scores(flag))
    return page(
        "experiments/show.html",
        section="experiments",
        place=here,
        experiment=view,
        design=view.design,
        rule=view.design.decision_rule,
        stored=stored,
        report=shown,
        mark=STATUS_MARKS[view.status],
        decisions=[(each.value, each.value) for each in Decision if each is not Decision.KEEP_RUNNING],
        variants=[(name, name) for name in (view.plan.weights if view.plan else ())],
        weights=dict(view.plan.weights) if view.plan else {},
        units={metric.key: metric.unit for metric in view.design.metrics},
        advice=advice(stored.report.verdict if stored else None, view.design.control),
    )


@blueprint.post("/p/<project>/<environment>/experiments/<experiment>/start")
def start_experiment(project: str, environment: str, experiment: str) -> ResponseReturnValue:
    """Start: from here on the design is fixed and the flag's split locked."""
    at = ExperimentAt(project, environment, experiment)
    try:
        with state().database.session() as session:
            now = datetime.now(UTC)
            service.start(session, require_actor(), at, expected_version=_version(), now=now)
    except Invalid as error:
        flash(f"It cannot start yet: {error}", "bad")
    else:
        flash("It is running. The split, the salt and the decision rule are locked from here on.", "good")
    return to_experiment(at)


@blueprint.post("/p/<project>/<environment>/experiments/<experiment>/stop")
def stop_experiment(project: str, environment: str, experiment: str) -> ResponseReturnValue:
    """Stop: later events do not count."""
    at = ExperimentAt(project, environment, experiment)
    with state().database.session() as session:
        service.stop(session, require_actor(), at, expected_version=_version(), now=datetime.now(UTC))
    flash("It is stopped. The last report will take in what came before this moment.", "good")
    return to_experiment(at)


@blueprint.post("/p/<project>/<environment>/experiments/<experiment>/decide")
def decide_experiment(project: str, environment: str, experiment: str) -> ResponseReturnValue:
    """Write down what was decided."""
    at = ExperimentAt(project, environment, experiment)
    try:
        outcome = _outcome()
        with state().database.session() as session:
            now = datetime.now(UTC)
            service.decide(session, require_actor(), at, outcome, expected_version=_version(), now=now)
    except Invalid as error:
        flash(f"That is not decided yet: {error}", "bad")
    return to_experiment(at)


def _outcome() -> Outcome:
    decision = request.form.get("decision", "")
    if decision not in list(Decision):
        raise Invalid("decision", "choose one of the list")
    chosen = Decision(decision)
    variant = request.form.get("variant") if chosen is Decision.SHIP else None
    return Outcome(decision=chosen, variant=variant or None, note=request.form.get("note", ""))


def _version() -> int:
    return version_of(request.form.get("version", ""))


def _offline_scores(flag: FlagDetail) -> dict[str, float]:
    found = {}
    for name, payload in flag.flag.variants.items():
        score = payload.get("offline_score") if isinstance(payload, dict) else None
        if isinstance(score, int | float) and not isinstance(score, bool):
            found[name] = float(score)
    return found
