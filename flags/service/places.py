"""Commands on projects and environments."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from flags import limits
from flags.guards import Action, By
from flags.model import EnvironmentView, FlagState, FlagView, ProjectView
from flags.service.opening import open_environment, open_project
from flags.service.publishing import refuse_unapproved, trace
from flags.storage import flags, places, states
from flags.validation import check_named, refuse
from runtime.actors import ActorKind
from runtime.errors import Conflict, Invalid

FIRST_ENVIRONMENTS: Final = (("dev", "Development"), ("staging", "Staging"), ("prod", "Production"))


def create_project(
    session: Session, by: By, key: str, *, name: str = "", description: str = ""
) -> ProjectView:
    """A new project with the environments dev, staging and prod. Invalid: names the field; key taken."""
    refuse(check_named(key=key, name=name, description=description))
    now = datetime.now(UTC)
    project = places.add_project(session, key=key, name=name or key, description=description, now=now)
    if project is None:
        raise Invalid("key", f"a project {key!r} exists; choose another key")
    for environment_key, environment_name in FIRST_ENVIRONMENTS:
        places.add_environment(session, project, key=environment_key, name=environment_name, now=now)
    trace(session, by, Action.CREATE_PROJECT, key, {"name": project.name})
    return project


def create_environment(
    session: Session, by: By, project: str, key: str, *, name: str = ""
) -> EnvironmentView:
    """A new environment in which every flag of the project is off. Invalid, NotFound (the project)."""
    refuse(check_named(key=key, name=name))
    parent = open_project(session, project)
    if places.environment(session, project, key) is not None:
        raise Invalid("key", f"an environment {key!r} exists in {project!r}; choose another key")
    if places.count_environments(session, parent) >= limits.ENVIRONMENTS_PER_PROJECT:
        raise Invalid("key", f"a project has at most {limits.ENVIRONMENTS_PER_PROJECT} environments")
    environment = places.add_environment(session, parent, key=key, name=name or key, now=datetime.now(UTC))
    states.add(session, [first_state(flag, environment) for flag in flags.all_flags(session, project)])
    trace(session, by, Action.CREATE_ENVIRONMENT, f"{project}/{key}", {"name": environment.name})
    return environment


def set_required_approvers(
    session: Session, by: By, project: str, environment: str, count: int, *, expected: int
) -> EnvironmentView:
    """How many people must approve a change of this environment from now on; 0: none.

    Setting what is set already leaves no trace. Invalid, NotFound. Conflict: it is not ``expected`` now.
    ApprovalRequired: fewer are asked for than now, which itself needs as many approvals as now.
    """
    if not 0 <= count <= limits.MOST_APPROVERS:
        raise Invalid("required_approvers", f"must be from 0 to {limits.MOST_APPROVERS}")
    before = open_environment(session, project, environment)
    if before.required_approvers != expected:
        theirs = {"required_approvers": before.required_approvers}
        subject = f"required approvers of {environment!r}"
        raise Conflict(subject, expected, before.required_approvers, theirs)
    if before.required_approvers == count:
        return before
    if count < before.required_approvers and by.actor.kind is not ActorKind.CLI:
        # Whoever runs commands beside the database needs no detour; anybody else would need only this one.
        refuse_unapproved(by, before, f"{project}/{environment}/approvers")
    places.set_required_approvers(session, before.id, count)
    details = {"before": before.required_approvers, "after": count}
    trace(session, by, Action.SET_APPROVERS, f"{project}/{environment}", details)
    return replace(before, required_approvers=count)


def first_state(
    flag: FlagView, environment: EnvironmentView, *, off: str = "", default: str = ""
) -> FlagState:
    """How a flag begins in an environment: switched off, without rules, on its first variant."""
    first = next(iter(flag.variants))
    return FlagState(
        flag_id=flag.id,
        environment_id=environment.id,
        environment=environment.key,
        enabled=False,
        off=off or first,
        default=default or first,
        rules=(),
        next_rule=1,
        version=1,
    )
