"""Shares of nothing and of everything are shares like any other."""

from flags import queries, service
from flags.model import RuleDraft, Targeting
from runtime.database import Database
from tests.flags.making import ANNA, PROD
from tests.flags.sticky import served, sticky_flag

HALVES = {"v1": 50_000, "v2": 50_000}


def test_a_coverage_of_nothing_lets_nobody_in_and_a_holdout_of_everything_keeps_everybody_out(
    database: Database,
) -> None:
    with database.session() as session:
        sticky_flag(session)
        state = queries.get_state(session, PROD)
        shut = Targeting(rules=(RuleDraft(weights=HALVES, coverage=0, id="r1"),), default="v2", off="v1")
        state = service.set_targeting(session, ANNA, PROD, shut, expected_version=state.version)
        closed = served(session, ["u1", "u2"])
        half = Targeting(rules=(RuleDraft(weights=HALVES, id="r1"),), default="v2", off="v1")
        service.set_targeting(session, ANNA, PROD, half, expected_version=state.version)
        opened = served(session, [f"u{n}" for n in range(100)])

        service.set_holdout(session, ANNA, "demo", "prod", share=100_000, expected=0)

        held_out = served(session, [f"u{n}" for n in range(100)])
    assert {choice.variant for choice in closed.values()} == {"v2"}
    assert {choice.variant for choice in opened.values()} == {"v1", "v2"}
    assert {choice.variant for choice in held_out.values()} == {"v2"}
