"""Switches that are due, written down: what every SDK has done already by its own clock."""

from dataclasses import replace

from sqlalchemy.orm import Session

from flags.guards import Action, By
from flags.model import EnvironmentView, FlagAt
from flags.service.opening import known_flag, open_environment
from flags.service.publishing import publish, step, trace
from flags.storage import states


def apply_due_switches(session: Session, by: By, at: EnvironmentView, *, now: int) -> int:
    """Leave each flag as its due switches left it, and take these away; how many flags changed.

    ``now`` in seconds since 1970. What SDKs answer stays the same. NotFound, Conflict, Locked.
    """
    open_environment(session, at.project, at.key)
    changed = 0
    for key, state in states.with_switches(session, at.id).items():
        due = [each for each in state.switches if each.at <= now]
        if not due:
            continue
        flag = known_flag(session, at.project, key)
        after = replace(
            state,
            enabled=due[-1].enabled,
            switches=tuple(each for each in state.switches if each.at > now),
        )
        published = publish(session, by, Action.TOGGLE_FLAG, [step(flag, flag, state, after)])
        details = {"revisions": published, "enabled": after.enabled, "scheduled": [each.at for each in due]}
        trace(session, by, Action.TOGGLE_FLAG, FlagAt(at.project, at.key, key).path, details)
        changed += 1
    return changed
