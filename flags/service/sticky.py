"""Keeping enrolled units where they are when a sticky flag's rules change."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy.orm import Session

from flags import limits
from flags.filters import write_enrolled
from flags.gates import behind_holdout
from flags.guards import By
from flags.keeping import Leaving, leaving
from flags.model import EnvironmentView, FlagAt, FlagState, FlagView, KeptSince
from flags.storage import assignments, flags, places, states, unit_sets
from pointsman.core.costs import problem_of
from pointsman.core.model import Kept, Rule
from pointsman.core.unit_sets import UNPUBLISHED, digest_of
from runtime.actors import ActorKind
from runtime.errors import Locked

log = logging.getLogger("pointsman.flags")


def kept(
    session: Session, by: By, at: FlagAt, flag: FlagView, before: FlagState, after: FlagState
) -> FlagState:
    """``after`` with everybody kept who was enrolled under ``before`` and could be answered otherwise now.

    Opens an epoch where the change could move units. Locked: too many epochs are remembered already.
    """
    if not flag.sticky:
        return after
    environment = places.environment(session, at.project, at.environment)
    holdout = 0 if environment is None else environment.holdout
    lost = leaving(
        behind_holdout(before.rules, at.project, holdout),
        behind_holdout(after.rules, at.project, holdout),
    )
    if lost:
        enrol_waiting(session, by, flag, before)
    return _kept(session, flag, after, lost, by.kept_units)


def keep_through_holdout(session: Session, by: By, at: EnvironmentView, share: int) -> None:
    """Keep everybody enrolled with a sticky flag whom the environment's new holdout would take out."""
    for key, state in states.sticky(session, at.id).items():
        flag = flags.flag(session, at.project, key)
        assert flag is not None  # noqa: S101  (its state was just read)
        before = behind_holdout(state.rules, at.project, at.holdout)
        lost = leaving(before, behind_holdout(state.rules, at.project, share))
        if lost:
            enrol_waiting(session, by, flag, state)
        states.change(session, state, _kept(session, flag, state, lost, by.kept_units))


def enrol_waiting(session: Session, by: By, flag: FlagView, state: FlagState) -> None:
    """Enrol whoever's exposure was acknowledged under this state and still waits.

    Locked: so many wait that this command would take too long. What the system does itself (a rollback) goes
    on then: the worker keeps those units a little later, when it has caught up.
    """
    if by.waiting is None or not flag.sticky:
        return
    left = by.waiting.enrol(session, flag.project, state.environment_id, frozenset({flag.key}))
    if not left:
        return
    path = f"{flag.project}/{state.environment}/{flag.key}"
    if by.actor.kind is ActorKind.SYSTEM:
        log.warning("%s changes while %d events wait for the worker: their units are kept late", path, left)
        return
    raise Locked(
        path,
        f"{left} acknowledged events wait for the worker, and units among them would move; see that the "
        "worker runs, and try again once it has caught up (the flag can be switched off meanwhile)",
    )


def _kept(
    session: Session, flag: FlagView, after: FlagState, lost: tuple[Leaving, ...], most: int
) -> FlagState:
    if not lost:
        return after
    if len(after.kept) + len(lost) > limits.KEPT_PER_FLAG:
        raise Locked(
            f"{flag.project}/{after.environment}/{flag.key}",
            f"it remembers {len(after.kept)} former rules for its sticky units; re-randomise the flag, "
            "or make its changes in a new flag",
        )
    state_id = states.id_of(session, after.flag_id, after.environment_id)
    epoch = after.epoch + 1
    upto = assignments.newest(session, state_id)
    entries = []
    for each in lost:
        hashes = assignments.hashes(session, state_id, each.rule, each.ranges, epoch=epoch)
        digests = built_set(session, after.environment_id, flag, hashes, most=most)
        entries.append(KeptSince(kept=each.kept(epoch, digests), upto=upto, built=digests))
    opened = replace(after, epoch=epoch, kept=(*after.kept, *entries))
    _refuse_costly(flag, opened)
    return opened


def _refuse_costly(flag: FlagView, state: FlagState) -> None:
    parts: list[Rule | Kept] = [*state.rules, *(each.kept for each in state.kept)]
    problem = problem_of(node for part in parts for node in part.conditions)
    if problem:
        raise Locked(
            f"{flag.project}/{state.environment}/{flag.key}",
            f"with the former rules it remembers for its sticky units, {problem}, or re-randomise the flag",
        )


def built_set(
    session: Session, environment_id: int, flag: FlagView, hashes: Iterable[int], *, most: int
) -> tuple[str, ...]:
    """The digest of the list or filter of these units; empty: there are none.

    ``UNPUBLISHED`` for more than ``most``: there is no filter, and applications ask for assignments.
    """
    found = list(islice(hashes, most + 1))
    if not found:
        return ()
    if len(found) > most:
        return (UNPUBLISHED,)
    body = write_enrolled(flag.salt, found)
    digest = digest_of(body)
    unit_sets.add(session, environment_id, digest, body, units=len(found), now=datetime.now(UTC))
    return (digest,)
