"""Commands on who takes part at all: layers, and the environment's holdout."""

from sqlalchemy.orm import Session

from flags import limits
from flags.guards import Action, By
from flags.model import EnvironmentView
from flags.service import sticky
from flags.service.opening import open_environment
from flags.service.publishing import publish_other, trace
from flags.storage import layers, places, states
from flags.validation import check_named, refuse
from pointsman.core.bucketing import BUCKETS
from runtime.errors import Conflict, Invalid, Locked, NotFound


def create_layer(
    session: Session, by: By, project: str, environment: str, key: str, *, name: str = ""
) -> layers.Layer:
    """A new layer, empty. Experiments with room in it exclude each other. Invalid, NotFound."""
    refuse(check_named(key=key, name=name))
    at = open_environment(session, project, environment)
    here = layers.layers(session, at)
    if any(each.key == key for each in here):
        raise Invalid("key", f"a layer {key!r} exists in {project}/{environment}; choose another key")
    if len(here) >= limits.LAYERS_PER_ENVIRONMENT:
        raise Invalid("key", f"an environment has at most {limits.LAYERS_PER_ENVIRONMENT} layers")
    made = layers.add(session, at, key=key, name=name or key, seed=f"{project}:layer:{key}")
    trace(session, by, Action.CREATE_LAYER, f"{project}/{environment}/layer:{key}", {"name": made.name})
    return made


def delete_layer(session: Session, by: By, project: str, environment: str, key: str) -> None:
    """The layer is gone. Locked: a rule has room in it. NotFound."""
    at = open_environment(session, project, environment)
    found = next((each for each in layers.layers(session, at) if each.key == key), None)
    if found is None:
        raise NotFound("layer", f"{project}/{environment}/{key}")
    users = states.referring(session, at.id, f"layer:{key}")
    subject = f"{project}/{environment}/layer:{key}"
    if users:
        raise Locked(subject, f"{', '.join(users[:5])} have room in it; take them out first")
    layers.remove(session, found.id)
    trace(session, by, Action.DELETE_LAYER, subject, {})


def set_holdout(
    session: Session, by: By, project: str, environment: str, *, share: int, expected: int
) -> EnvironmentView:
    """Keep ``share`` of 100,000 buckets out of every rule that splits its units.

    The same units everywhere: they tell what all experiments together are worth. Raising the share takes
    units out of experiments, lowering lets them in; on sticky flags whoever is enrolled stays. ``expected``
    is the share its author saw. Invalid, NotFound, Conflict.
    """
    if not 0 <= share <= BUCKETS:
        raise Invalid("share", f"must be from 0 to {BUCKETS} buckets (100 %)")
    at = open_environment(session, project, environment)
    if at.holdout != expected:
        raise Conflict(
            f"the holdout of {project}/{environment}", expected, at.holdout, {"holdout": at.holdout}
        )
    if share == at.holdout:
        return at
    sticky.keep_through_holdout(session, by, at, share)
    places.set_holdout(session, at.id, share)
    revision = publish_other(
        session,
        by,
        Action.SET_HOLDOUT,
        at,
        subject="holdout",
        before={"holdout": at.holdout},
        after={"holdout": share},
    )
    details = {"revision": revision, "before": at.holdout, "after": share}
    trace(session, by, Action.SET_HOLDOUT, f"{project}/{environment}/holdout", details)
    changed = places.environment(session, project, environment)
    assert changed is not None  # noqa: S101  (it is locked)
    return changed
