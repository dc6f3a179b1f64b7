"""Eight admins, five hundred edits each, at the same time: nothing lost, everything audited, one chain."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from flags import queries, service
from flags.guards import By
from flags.model import FlagEdit
from pointsman.core.model import Json
from runtime.actors import Actor, ActorKind
from runtime.audit_chain import verify
from runtime.audit_tables import AuditRow
from runtime.database import Database
from runtime.errors import Conflict
from tests.flags.making import PROD, V1, V2, demo, split, targeting
from tests.flags.test_races import together

ADMINS, EDITS = 8, 500


def admin(database: Database, number: int) -> Callable[[], int]:
    """Somebody who makes 500 edits of three kinds, looking again after each conflict; how many conflicts."""
    by = By(Actor(ActorKind.PERSON, f"admin-{number}@example.org"))

    def work() -> int:
        made, conflicts = 0, 0
        while made < EDITS:
            with database.reading() as session:
                detail = queries.get_flag(session, "demo", "ranker")
            state = detail.state("prod")
            try:
                with database.session() as session:
                    if made % 10 == 9:  # takes every environment's lock, and the project's before them
                        model: Json = {"model": f"m-{number}-{made}"}
                        edit = FlagEdit(variants={"v1": model, "v2": V2})
                        service.edit_flag(
                            session, by, "demo", "ranker", edit, expected_version=detail.flag.version
                        )
                    elif made % 2:
                        share = 1 + (state.version * 7) % 99
                        rule = state.rules[0].id if state.rules else ""
                        draft = targeting(split(share, 100 - share, rule=rule))
                        service.set_targeting(session, by, PROD, draft, expected_version=state.version)
                    else:
                        service.set_enabled(
                            session, by, PROD, enabled=not state.enabled, expected_version=state.version
                        )
            except Conflict:
                conflicts += 1
            else:
                made += 1
        return conflicts

    return work


@pytest.mark.slow
def test_eight_admins_and_five_hundred_edits_each(database: Database) -> None:
    with database.session() as session:
        demo(session)

    together([admin(database, number) for number in range(ADMINS)])

    with database.reading() as session:
        state = queries.get_state(session, PROD)
        environment = queries.get_environment(session, "demo", "prod")
        audited = session.scalars(select(func.count(AuditRow.id))).one()
        found = verify(session)
    # A targeting that happens to be stored already leaves no trace; everything else is one version each.
    commits = audited - 2
    assert (found.broken, found.entries) == (None, audited)
    assert state.version == environment.revision == 1 + commits
    assert ADMINS * EDITS * 0.97 <= commits <= ADMINS * EDITS
    assert V1 not in queries_variants(database)


def queries_variants(database: Database) -> list[Json]:
    with database.reading() as session:
        return list(queries.get_flag(session, "demo", "ranker").flag.variants.values())
