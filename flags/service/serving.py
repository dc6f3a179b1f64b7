"""Commands on how a flag serves in one environment: the kill switch, and targeting."""

from dataclasses import replace

from sqlalchemy.orm import Session

from flags.encoding import same_state
from flags.guards import Action, By
from flags.model import EnvironmentView, FlagAt, FlagState, FlagView, Targeting
from flags.ranging import Draw
from flags.references import proposed_nodes
from flags.service import sticky
from flags.service.opening import open_environment, open_state, open_state_in
from flags.service.publishing import publish, step, trace
from flags.service.surroundings import rooms_of, world_of
from flags.storage import flags, places, states
from flags.targeting import TargetingPreview, preview, ranged
from flags.validation import check_targeting, refuse
from runtime.errors import NotFound


def set_enabled(session: Session, by: By, at: FlagAt, *, enabled: bool, expected_version: int) -> FlagState:
    """Switch the flag on or off (the kill switch: its off variant serves everybody).

    Switching it to what it is already leaves no trace. NotFound, Conflict, Locked; Invalid only for
    switching on what no SDK could serve.
    """
    flag, state = open_state(session, at, expected_version)
    return _save(session, by, Action.TOGGLE_FLAG, at, flag, state, replace(state, enabled=enabled))


def set_targeting(
    session: Session, by: By, at: FlagAt, targeting: Targeting, *, expected_version: int
) -> FlagState:
    """Replace rules, default and off variant; a rule known by its id moves the fewest units (law 1).

    Targeting that is stored already leaves no trace. Invalid: every problem by field. NotFound, Conflict,
    Locked.
    """
    environment = open_environment(session, at.project, at.environment)
    flag, state = open_state_in(session, environment, at, expected_version)
    after = _targeted(session, environment, flag, state, targeting)
    return _save(session, by, Action.TARGET_FLAG, at, flag, state, after)


def preview_targeting(session: Session, at: FlagAt, targeting: Targeting) -> TargetingPreview:
    """Who would move if ``set_targeting`` were called now; writes nothing. Invalid, NotFound."""
    environment = places.environment(session, at.project, at.environment)
    flag = flags.flag(session, at.project, at.flag)
    if environment is None:
        raise NotFound("environment", f"{at.project}/{at.environment}")
    if flag is None:
        raise NotFound("flag", f"{at.project}/{at.flag}")
    state = states.state(session, flag.id, environment.id)
    after = _targeted(session, environment, flag, state, targeting)
    return preview(state, after.default, after.rules)


def drafted(session: Session, at: FlagAt, state: FlagState, targeting: Targeting) -> FlagState:
    """The state as ``set_targeting`` would make it, but for kept units; writes nothing. Invalid, NotFound."""
    flag = flags.flag(session, at.project, at.flag)
    if flag is None:
        raise NotFound("flag", f"{at.project}/{at.flag}")
    environment = places.environment(session, at.project, at.environment)
    assert environment is not None  # noqa: S101  (the state was found there)
    return _targeted(session, environment, flag, state, targeting)


def _targeted(
    session: Session, environment: EnvironmentView, flag: FlagView, state: FlagState, targeting: Targeting
) -> FlagState:
    world = world_of(session, environment, proposed_nodes(targeting))
    refuse(check_targeting(targeting, flag.key, flag.variants, world))
    # A new rule without a layer has nothing to do with them: imports make thousands of these.
    asks = bool(state.rules) or any(rule.layer for rule in targeting.rules)
    rooms = rooms_of(session, environment, flag.key, targeting.rules) if asks else {}
    rules, next_rule = ranged(
        targeting, state.rules, state.next_rule, Draw(salt=flag.salt, scheme=flag.scheme), rooms
    )
    return replace(
        state,
        rules=rules,
        next_rule=next_rule,
        default=targeting.default,
        off=targeting.off,
        overrides=dict(targeting.overrides),
        requires=targeting.requires,
        switches=targeting.switches,
        broken="",
    )


def _save(
    session: Session, by: By, action: Action, at: FlagAt, flag: FlagView, before: FlagState, after: FlagState
) -> FlagState:
    if same_state(before, after) and before.broken == after.broken:
        return before
    after = sticky.kept(session, by, at, flag, before, after)
    change = step(flag, flag, before, after)
    published = publish(session, by, action, [change])
    details = {
        "revision": published[at.environment],
        "version": change.state.version,
        "enabled": change.state.enabled,
    }
    trace(session, by, action, at.path, details)
    return change.state
