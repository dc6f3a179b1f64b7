"""Copying how flags serve from one environment to another: a document, planned and applied as any other."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from flags import queries
from flags.changes.model import ChangeRequest, Proposal
from flags.code.document import ProjectDoc
from flags.code.planning import Plan, apply_document, make_plan
from flags.code.reading import read_document, targeting, within
from flags.code.stored import Stored, read_project
from flags.guards import By
from flags.model import FlagAt
from flags.service.drafting import create_change, submit_change
from flags.service.opening import open_environment, open_project
from flags.service.requests import ChangeAt
from runtime.errors import Invalid, NotFound


def plan_promotion(
    session: Session, by: By, project: str, source: str, target: str, flags: Collection[str] = ()
) -> Plan:
    """What copying would change in ``target``; the session must be a rehearsal's.

    ``flags`` none given: all. NotFound; Invalid: the same environment twice, or the target lacks what the
    rules refer to.
    """
    document = _promotion(read_project(session, project), project, source, target, flags)
    return _about_flags(make_plan(session, by, document))


def promote(
    session: Session,
    by: By,
    project: str,
    source: str,
    target: str,
    flags: Collection[str] = (),
    *,
    expect: str | None = None,
) -> Plan:
    """The flags serve in ``target`` what they serve in ``source``; all of them or none.

    A rule that is in both moves the fewest units that its new weights demand; one that is new in the target
    assigns as in the source. NotFound, Invalid, Locked. ApprovalRequired: propose it instead. PlanOutdated.
    """
    document = _promotion(read_project(session, project), project, source, target, flags)
    return _about_flags(apply_document(session, by, document, expect=expect))


def propose_promotion(
    session: Session, by: By, project: str, source: str, target: str, flags: Collection[str] = ()
) -> tuple[ChangeRequest, ...]:
    """A change request, submitted, for each flag that would change. NotFound, Invalid, Locked."""
    stored = read_project(session, project)
    document = _promotion(stored, project, source, target, flags)
    made = []
    for key, doc in document.flags.items():
        now = read_document(_document(project, {key: stored.flag_plain(key, [target])})).flags[key]
        if now.model_dump_json() == doc.model_dump_json():
            continue
        state = doc.environments[target]
        with within(f"flags.{key}"):
            switched = state.enabled != now.environments[target].enabled
            proposal = Proposal(targeting=targeting(state), enabled=state.enabled if switched else None)
            draft = create_change(session, by, FlagAt(project, target, key), proposal)
            at = ChangeAt(project, target, draft.id)
            made.append(submit_change(session, by, at, expected_version=draft.version))
    return tuple(made)


def fingerprint(session: Session, project: str) -> str:
    """Names the project as it is now; in a session that writes nobody changes it before the end. NotFound."""
    open_project(session, project)
    for each in queries.list_environments(session, project):
        open_environment(session, project, each.key)
    return read_project(session, project).fingerprint()


def _promotion(stored: Stored, project: str, source: str, target: str, flags: Collection[str]) -> ProjectDoc:
    if stored.project is None:
        raise NotFound("project", project)
    for each in (source, target):
        if each not in stored.places:
            raise NotFound("environment", f"{project}/{each}")
    if source == target:
        raise Invalid("to", "is the environment it comes from; choose another")
    for key in flags:
        if key not in stored.flags:
            raise NotFound("flag", f"{project}/{key}")
    chosen = [key for key in stored.flags if not flags or key in flags]
    plain = {key: _moved(stored, key, source, target) for key in chosen}
    return read_document(_document(project, plain) | {"name": stored.project.name})


def _moved(stored: Stored, key: str, source: str, target: str) -> dict[str, Any]:
    flag = stored.flag_plain(key, [source])
    state = flag["environments"][source]
    known = {rule.id for rule in stored.flags[key].state(target).rules}
    rules = [_without_places(rule, known=rule["id"] in known) for rule in state.get("rules", ())]
    return flag | {"environments": {target: state | ({"rules": rules} if rules else {})}}


def _without_places(rule: dict[str, Any], *, known: bool) -> dict[str, Any]:
    """The rule without what is its environment's own: room in a layer, and ranges where it has its own."""
    kept = {name: value for name, value in rule.items() if not (known and name == "ranges")}
    if "layer" in kept:
        kept["layer"] = {name: value for name, value in kept["layer"].items() if name != "spans"}
    return kept


def _document(project: str, flags: dict[str, Any]) -> dict[str, Any]:
    return {"pointsman": 1, "project": project, "flags": flags}


def _about_flags(plan: Plan) -> Plan:
    return replace(plan, absent=(), notes=())
