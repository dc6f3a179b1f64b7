"""Finding and locking what a command is about to change, at the version its author saw.

Locks are taken in one order, the project before its environments and these by age, so that commands never
wait for each other in a circle. What is read under the lock stays true until the transaction ends.
"""

from sqlalchemy.orm import Session

from flags.encoding import flag_json, state_json
from flags.model import EnvironmentView, FlagAt, FlagState, FlagView, ProjectView
from flags.storage import flags, places, states
from runtime.errors import Conflict, Locked, NotFound


def open_project(session: Session, key: str) -> ProjectView:
    """The project, locked. NotFound: none of that key."""
    project = places.project(session, key, lock=True)
    if project is None:
        raise NotFound("project", key)
    return project


def open_environment(session: Session, project_key: str, key: str) -> EnvironmentView:
    """The environment, locked. NotFound: no such project or environment."""
    environment = places.environment(session, project_key, key, lock=True)
    if environment is None:
        kind, missing = (
            ("project", project_key)
            if places.project(session, project_key) is None
            else ("environment", f"{project_key}/{key}")
        )
        raise NotFound(kind, missing)
    return environment


def open_flag(
    session: Session, project_key: str, key: str, expected_version: int
) -> tuple[FlagView, tuple[FlagState, ...]]:
    """A flag and its states, with every environment locked. NotFound, Conflict."""
    open_project(session, project_key)
    places.environments(session, project_key, lock=True)
    flag = known_flag(session, project_key, key)
    if flag.version != expected_version:
        raise flag_conflict(flag, expected_version)
    return flag, states.states_of(session, [flag.id]).get(flag.id, ())


def open_state(session: Session, at: FlagAt, expected_version: int) -> tuple[FlagView, FlagState]:
    """A flag and its state in one environment, which is locked. NotFound, Locked (archived), Conflict."""
    return open_state_in(session, open_environment(session, at.project, at.environment), at, expected_version)


def open_state_in(
    session: Session, environment: EnvironmentView, at: FlagAt, expected_version: int
) -> tuple[FlagView, FlagState]:
    """The same, for who has opened the environment."""
    flag = known_flag(session, at.project, at.flag)
    refuse_archived(flag)
    state = states.state(session, flag.id, environment.id)
    if state.version != expected_version:
        raise state_conflict(at, state, expected_version)
    return flag, state


def refuse_archived(flag: FlagView) -> None:
    """Locked: the flag is archived."""
    if flag.archived_at is not None:
        raise Locked(everywhere(flag), "it is archived; restore it first")


def everywhere(flag: FlagView) -> str:
    """The audit log's subject for a change in every environment: ``demo/*/digit-reader``."""
    return f"{flag.project}/*/{flag.key}"


def flag_conflict(flag: FlagView, expected_version: int) -> Conflict:
    """Somebody edited the flag first; ``flag`` is how it stands now."""
    return Conflict(f"flag {flag.key!r}", expected_version, flag.version, flag_json(flag))


def state_conflict(at: FlagAt, state: FlagState, expected_version: int) -> Conflict:
    """Somebody changed how the flag serves first; ``state`` is how it stands now."""
    subject = f"flag {at.flag!r} in {at.environment!r}"
    return Conflict(subject, expected_version, state.version, state_json(state))


def known_flag(session: Session, project_key: str, key: str) -> FlagView:
    """The flag as it is now, archived or not. NotFound."""
    flag = flags.flag(session, project_key, key)
    if flag is None:
        raise NotFound("flag", f"{project_key}/{key}")
    return flag
