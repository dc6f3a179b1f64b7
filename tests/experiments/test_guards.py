"""What a running experiment locks on its flag, and what it never does."""

import pytest

from experiments.guards import forbidden
from experiments.model import Plan
from flags import service as flags
from flags.model import FlagAt, RuleDraft, Targeting
from flags.queries import get_state
from pointsman.core.model import Condition, Flag, Json, Kind, Operator, Range, Rule
from runtime.database import Database
from runtime.errors import Locked
from tests.experiments.world import BY, FLAG_AT, start, stop, switch, target

PLAN = Plan(flag_rule="r2", salt="s", weights={"v1": 50_000, "v2": 50_000})
FIRST = Rule(id="r1", conditions=(), split=(Range(0, 100_000, "v1"),))
SECOND = Rule(id="r2", conditions=(), split=(Range(0, 50_000, "v1"), Range(50_000, 100_000, "v2")))
THIRD = Rule(id="r3", conditions=(), split=(Range(0, 100_000, "v2"),))


def flag(*rules: Rule, salt: str = "s", default: str = "v1", more: dict[str, Json] | None = None) -> Flag:
    return Flag(
        key="f",
        kind=Kind.STRING,
        salt=salt,
        enabled=True,
        version=1,
        variants={"v1": "a", "v2": "b", **(more or {})},
        off="v1",
        default=default,
        rules=rules,
    )


def test_a_running_experiment_locks_its_split(database: Database) -> None:
    with database.session() as session:
        start(session)

        with pytest.raises(Locked, match="'better-digits' is running and depends on rule"):
            target(session, {"v1": 90_000, "v2": 10_000})


def test_the_kill_switch_always_works(database: Database) -> None:
    with database.session() as session:
        start(session)

        assert not switch(session, on=False).enabled


def test_other_environments_are_free(database: Database) -> None:
    with database.session() as session:
        start(session)
        dev = FlagAt("demo", "dev", "digit-reader")
        rules = (RuleDraft(weights={"v1": 100_000}),)

        state = flags.set_targeting(
            session,
            BY,
            dev,
            Targeting(rules=rules, default="v1", off="v1"),
            expected_version=get_state(session, dev).version,
        )

    assert len(state.rules) == 1


def test_the_flag_cannot_be_archived(database: Database) -> None:
    with database.session() as session:
        start(session)

        with pytest.raises(Locked, match="cannot be archived"):
            flags.archive_flag(session, BY, "demo", "digit-reader", expected_version=1)


def test_stopping_frees_the_split(database: Database) -> None:
    with database.session() as session:
        stop(session, start(session))

        assert target(session, {"v1": 90_000, "v2": 10_000}).version > get_state(session, FLAG_AT).version - 1


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (None, "archived"),
        (flag(FIRST, SECOND, THIRD, salt="t"), "salt"),
        (flag(FIRST, THIRD), "rule 'r2'"),
        (flag(SECOND, THIRD), "rule 'r2'"),
        (flag(SECOND, FIRST, THIRD), "rule 'r2'"),
        (
            flag(
                Rule(
                    id="r1",
                    conditions=(Condition(attribute="x", operator=Operator.EQUALS, values=("y",)),),
                    split=FIRST.split,
                ),
                SECOND,
            ),
            "rule 'r2'",
        ),
    ],
)
def test_whatever_moves_its_units_is_forbidden(after: Flag | None, words: str) -> None:
    problem = forbidden(PLAN, flag(FIRST, SECOND, THIRD), after)

    assert problem is not None
    assert words in problem


@pytest.mark.parametrize(
    "after", [flag(FIRST, SECOND), flag(FIRST, SECOND, THIRD, default="v2"), flag(FIRST, SECOND, THIRD)]
)
def test_what_moves_none_of_its_units_is_allowed(after: Flag) -> None:
    assert forbidden(PLAN, flag(FIRST, SECOND, THIRD), after) is None


def test_a_flag_that_comes_back_is_allowed() -> None:
    assert forbidden(PLAN, None, flag(FIRST, SECOND)) is None


def test_a_running_experiment_locks_the_payloads_it_compares() -> None:
    problem = forbidden(PLAN, flag(FIRST, SECOND), flag(FIRST, SECOND, more={"v2": "c"}))

    assert problem == "compares the payloads of its variants, so v2 must stay as they are"


def test_a_variant_that_takes_no_part_may_come_and_change() -> None:
    assert forbidden(PLAN, flag(FIRST, SECOND), flag(FIRST, SECOND, more={"v3": "c"})) is None
