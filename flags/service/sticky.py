"""Keeping enrolled units where they are when a sticky flag's rules change."""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from flags import limits
from flags.gates import behind_holdout
from flags.keeping import Leaving, leaving
from flags.model import EnvironmentView, FlagAt, FlagState, FlagView, KeptSince
from flags.storage import assignments, flags, places, states, unit_sets
from pointsman.core.unit_sets import digest_of, write_bloom
from runtime.errors import Locked


def kept(session: Session, at: FlagAt, flag: FlagView, before: FlagState, after: FlagState) -> FlagState:
    """``after`` with everybody kept who was enrolled under ``before`` and could be answered otherwise now.

    Opens an epoch where the change could move units. Locked: too many epochs are remembered already.
    """
    if not flag.sticky:
        return after
    environment = places.environment(session, at.project, at.environment)
    holdout = 0 if environment is None else environment.holdout
    return _kept(
        session,
        flag,
        after,
        leaving(
            behind_holdout(before.rules, at.project, holdout),
            behind_holdout(after.rules, at.project, holdout),
        ),
    )


def keep_through_holdout(session: Session, at: EnvironmentView, share: int) -> None:
    """Keep everybody enrolled with a sticky flag whom the environment's new holdout would take out."""
    for key, state in states.sticky(session, at.id).items():
        flag = flags.flag(session, at.project, key)
        assert flag is not None  # noqa: S101  (its state was just read)
        before = behind_holdout(state.rules, at.project, at.holdout)
        lost = leaving(before, behind_holdout(state.rules, at.project, share))
        states.change(session, state, _kept(session, flag, state, lost))


def _kept(session: Session, flag: FlagView, after: FlagState, lost: tuple[Leaving, ...]) -> FlagState:
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
        digests = _set_of(session, state_id, flag, after, each, epoch)
        entries.append(KeptSince(kept=each.kept(epoch, digests), upto=upto, built=digests))
    return replace(after, epoch=epoch, kept=(*after.kept, *entries))


def _set_of(
    session: Session, state_id: int, flag: FlagView, state: FlagState, lost: Leaving, epoch: int
) -> tuple[str, ...]:
    """The digest of the set of those enrolled there; empty: nobody is."""
    hashes = list(assignments.hashes(session, state_id, lost.rule, lost.ranges, epoch=epoch))
    if not hashes:
        return ()
    body = write_bloom(flag.salt, hashes)
    digest = digest_of(body)
    unit_sets.add(session, state.environment_id, digest, body, units=len(hashes), now=datetime.now(UTC))
    return (digest,)
