"""Eight admins, five hundred edits each, at the same time: nothing lost, everything audited, one chain."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flags import queries, service
from flags.guards import By
from flags.model import FlagDetail, FlagEdit
from runtime.actors import Actor, ActorKind
from runtime.audit_chain import verify
from runtime.audit_tables import AuditRow
from runtime.database import Database
from runtime.errors import Conflict
from tests.flags.making import PROD, V2, flag, project, split, targeting
from tests.flags.test_races import together

ADMINS, EDITS, FLAGS = 8, 500, 4


def key(number: int) -> str:
    return f"ranker-{number}"


def admin(database: Database, number: int) -> Callable[[], None]:
    """Somebody who makes 500 edits of three kinds on four flags, looking again after each conflict."""
    by = By(Actor(ActorKind.PERSON, f"admin-{number}@example.org"))

    def work() -> None:
        made = 0
        while made < EDITS:
            with database.reading() as session:
                seen = queries.get_flag(session, "demo", key((number + made) % FLAGS))
            try:
                with database.session() as session:
                    edit(session, by, seen, made)
            except Conflict:
                continue
            made += 1

    return work


def edit(session: Session, by: By, seen: FlagDetail, turn: int) -> None:
    """One edit on top of what was seen, never one that changes nothing."""
    state, at = seen.state("prod"), replace(PROD, flag=seen.flag.key)
    if turn % 20 == 19:  # takes every environment's lock, and the project's before them
        new = FlagEdit(variants={"v1": {"model": f"m{seen.flag.version}"}, "v2": V2})
        service.edit_flag(session, by, "demo", at.flag, new, expected_version=seen.flag.version)
    elif turn % 2:
        share = 1 + state.version % 99
        draft = targeting(split(share, 100 - share, rule=state.rules[0].id if state.rules else ""))
        service.set_targeting(session, by, at, draft, expected_version=state.version)
    else:
        service.set_enabled(session, by, at, enabled=not state.enabled, expected_version=state.version)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_eight_admins_and_five_hundred_edits_each(database: Database) -> None:
    with database.session() as session:
        project(session)
        for number in range(FLAGS):
            flag(session, key(number))
        first = queries.get_environment(session, "demo", "prod").revision

    together([admin(database, number) for number in range(ADMINS)])

    with database.reading() as session:
        versions = [queries.get_flag(session, "demo", key(n)).state("prod").version for n in range(FLAGS)]
        revision = queries.get_environment(session, "demo", "prod").revision
        edits = select(AuditRow.actor, func.count(AuditRow.id)).where(AuditRow.actor.startswith("admin-"))
        audited = [count for _, count in session.execute(edits.group_by(AuditRow.actor))]
    with database.reading() as session:
        found = verify(session)
    assert audited == [EDITS] * ADMINS
    assert sum(versions) - FLAGS == revision - first == ADMINS * EDITS
    assert (found.broken, found.entries) == (None, ADMINS * EDITS + 1 + FLAGS)
