from dataclasses import dataclass, field

import pytest
from sqlalchemy.orm import Session

from flags import queries, service
from flags.guards import Action, By, Change
from flags.model import FlagEdit
from runtime.database import Database
from runtime.errors import Locked
from tests.flags.making import ANNA, DEV, PROD, V1, V2, actions, demo, flag, split, targeting


@dataclass
class SplitLock:
    """Locks the split of `ranker` in prod, as a running experiment would."""

    seen: list[Change] = field(default_factory=list)

    def check(self, session: Session, change: Change) -> None:
        self.seen.append(change)
        before, after = change.before, change.after
        if change.at == PROD and before and (after is None or after.rules != before.rules):
            raise Locked(change.at.path, "the experiment 'bigger' is running")


def guarded(lock: SplitLock) -> By:
    return By(ANNA.actor, "", (lock,))


def test_a_guard_stops_a_change_and_nothing_is_written(database: Database) -> None:
    lock = SplitLock()
    with database.session() as session:
        demo(session)

    with pytest.raises(Locked, match="experiment 'bigger'"), database.session() as session:
        service.set_targeting(session, guarded(lock), PROD, targeting(split(50, 50)), expected_version=1)

    with database.reading() as session:
        assert queries.get_state(session, PROD).version == 1
        assert actions(session) == ["project.create", "flag.create"]


def test_a_guard_lets_pass_what_it_does_not_mind(database: Database) -> None:
    lock = SplitLock()
    with database.session() as session:
        demo(session)
        by = guarded(lock)

        service.set_targeting(session, by, DEV, targeting(split(50, 50)), expected_version=1)
        service.set_enabled(session, by, PROD, enabled=True, expected_version=1)

        assert [(each.action, each.at) for each in lock.seen] == [
            (Action.TARGET_FLAG, DEV),
            (Action.TOGGLE_FLAG, PROD),
        ]
        assert lock.seen[1].before is not None
        assert lock.seen[1].after is not None
        assert (lock.seen[1].before.enabled, lock.seen[1].after.enabled) == (False, True)


def test_one_environments_objection_stops_the_change_everywhere(database: Database) -> None:
    lock = SplitLock()
    with database.session() as session:
        demo(session)

    with pytest.raises(Locked), database.session() as session:
        service.archive_flag(session, guarded(lock), "demo", "ranker", expected_version=1)

    with database.reading() as session:
        assert queries.get_flag(session, "demo", "ranker").flag.archived_at is None
        assert queries.get_state(session, DEV).version == 1


def test_a_guard_is_asked_once_for_each_environment(database: Database) -> None:
    lock = SplitLock()
    with database.session() as session:
        demo(session)
        by = guarded(lock)

        edit = FlagEdit(variants={"v1": V1, "v2": V2, "v3": V1})
        service.edit_flag(session, by, "demo", "ranker", edit, expected_version=1)
        service.edit_flag(session, by, "demo", "ranker", FlagEdit(name="Renamed"), expected_version=2)

        assert [each.at.environment for each in lock.seen] == ["dev", "staging", "prod"]


def test_a_new_flag_shows_itself_to_guards_as_unserved_before(database: Database) -> None:
    lock = SplitLock()
    with database.session() as session:
        demo(session)
        flag(session, "other")
        lock.seen.clear()
        service.archive_flag(session, guarded(lock), "demo", "other", expected_version=1)

        assert [(each.before is None, each.after is None) for each in lock.seen] == [(False, True)] * 3
