"""Whoever is enrolled with a sticky flag stays through every change; only what says so moves units."""

from dataclasses import replace

import pytest

from flags import queries, service
from flags.model import FlagEdit, RuleDraft, Targeting
from pointsman.core.choice import Reason
from runtime import audit
from runtime.database import Database
from runtime.errors import Conflict, Invalid
from tests.flags.making import ANNA, GERMANS, PROD, V1, counted
from tests.flags.sticky import change, expose, served, sticky_flag, variants

UNITS = [f"u{n}" for n in range(2_000)]
NEWCOMERS = [f"n{n}" for n in range(20_000)]
MOSTLY_V2 = {"v1": 10_000, "v2": 90_000}


def share(found: dict[str, str], variant: str) -> float:
    return sum(1 for each in found.values() if each == variant) / len(found)


def test_a_reweight_moves_nobody_enrolled_and_gives_newcomers_the_new_split(database: Database) -> None:
    with database.session() as session:
        sticky_flag(session)
        before = served(session, UNITS)
        expose(session, before.values())

        change(session, RuleDraft(id="r1", weights=MOSTLY_V2))

        after = served(session, UNITS)
        assert variants(after) == variants(before)
        assert {choice.reason for choice in after.values()} == {Reason.SPLIT, Reason.STICKY}
        assert share(variants(served(session, NEWCOMERS)), "v2") == pytest.approx(0.9, abs=0.01)


def test_without_stickiness_the_same_reweight_moves_the_minimum(database: Database) -> None:
    with database.session() as session:
        flag = sticky_flag(session)
        service.edit_flag(
            session, ANNA, "demo", "ranker", FlagEdit(sticky=False), expected_version=flag.version
        )
        before = variants(served(session, UNITS))

        change(session, RuleDraft(id="r1", weights=MOSTLY_V2))

        moved = sum(1 for unit, name in variants(served(session, UNITS)).items() if name != before[unit])
        assert moved / len(UNITS) == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize(
    "rules",
    [
        (RuleDraft(id="r1", weights=MOSTLY_V2, coverage=20_000),),
        (RuleDraft(id="r1", weights=MOSTLY_V2, conditions=(GERMANS,)),),
        (RuleDraft(id="r2", weights=MOSTLY_V2),),
        (RuleDraft(id="r2", weights=MOSTLY_V2), RuleDraft(id="r1", weights={"v1": 100_000})),
        (),
    ],
    ids=["coverage", "conditions", "another rule", "a rule in front", "no rule"],
)
def test_no_edit_of_rules_moves_anybody_enrolled(database: Database, rules: tuple[RuleDraft, ...]) -> None:
    with database.session() as session:
        sticky_flag(session)
        before = served(session, UNITS)
        expose(session, before.values())

        change(session, *rules, default="v2")

        assert variants(served(session, UNITS)) == variants(before)


def test_units_of_every_epoch_stay_through_all_later_ones(database: Database) -> None:
    with database.session() as session:
        sticky_flag(session)
        known: dict[str, str] = {}
        for epoch, v1 in enumerate((50_000, 10_000, 80_000, 30_000, 50_000)):
            change(session, RuleDraft(id="r1", weights={"v1": v1, "v2": 100_000 - v1}))
            fresh = served(session, [f"e{epoch}-{n}" for n in range(500)])
            expose(session, fresh.values())
            known |= variants(fresh)

            assert variants(served(session, known)) == known


def test_raising_the_holdout_takes_no_enrolled_unit_out(database: Database) -> None:
    with database.session() as session:
        sticky_flag(session)
        before = served(session, UNITS)
        expose(session, before.values())

        service.set_holdout(session, ANNA, "demo", "prod", share=50_000, expected=0)

        assert variants(served(session, UNITS)) == variants(before)
        held_out = [each for each in served(session, NEWCOMERS).values() if each.reason is Reason.DEFAULT]
        assert len(held_out) / len(NEWCOMERS) == pytest.approx(0.5, abs=0.01)


def test_an_enrolled_unit_respects_the_kill_switch_and_an_override(database: Database) -> None:
    with database.session() as session:
        sticky_flag(session, weights={"v2": 100_000})
        expose(session, served(session, ["u1"]).values())
        change(session, RuleDraft(id="r1", weights={"v1": 100_000}))
        state = queries.get_state(session, PROD)
        assert served(session, ["u1"])["u1"].variant == "v2"

        service.set_enabled(session, ANNA, PROD, enabled=False, expected_version=state.version)

        assert served(session, ["u1"])["u1"].reason is Reason.OFF


def test_exposures_of_the_old_epoch_that_arrive_late_are_kept_too(database: Database) -> None:
    with database.session() as session:
        sticky_flag(session)
        before = served(session, UNITS)
        expose(session, [before[unit] for unit in UNITS[:1_000]])
        change(session, RuleDraft(id="r1", weights=MOSTLY_V2))

        late = expose(session, [before[unit] for unit in UNITS[1_000:]])
        kept = service.keep_late(session, ANNA, "demo", "prod")

        assert (late, kept) == (1_000, 1)
        assert variants(served(session, UNITS)) == variants(before)
        assert service.keep_late(session, ANNA, "demo", "prod") == 0


def test_who_met_two_variants_keeps_the_first_and_is_counted(database: Database) -> None:
    crossed = counted("pointsman_sticky_crossed_total")
    with database.session() as session:
        sticky_flag(session)
        first = served(session, UNITS)
        expose(session, first.values())
        other = {"v1": "v2", "v2": "v1"}

        new = expose(session, [each._replace(variant=other[str(each.variant)]) for each in first.values()])

        assert new == 0
    with database.reading() as session:
        assert sum(queries.count_assignments(session, PROD).values()) == len(UNITS)
    assert counted("pointsman_sticky_crossed_total") == crossed + len(UNITS)


def test_the_default_enrolls_nobody(database: Database) -> None:
    with database.session() as session:
        sticky_flag(session)
        change(session, RuleDraft(id="r1", weights=MOSTLY_V2, conditions=(GERMANS,)))

        assert expose(session, served(session, UNITS).values()) == 0


def test_a_removed_variants_units_go_where_the_admin_says_with_a_line_of_history(database: Database) -> None:
    with database.session() as session:
        flag = sticky_flag(session)
        before = served(session, UNITS)
        expose(session, before.values())
        change(session, RuleDraft(id="r1", weights={"v1": 100_000}))
        edit = FlagEdit(variants={"v1": V1})

        with pytest.raises(Invalid) as refused:
            service.edit_flag(session, ANNA, "demo", "ranker", edit, expected_version=flag.version)
        edit = replace(edit, moves={"v2": "v1"})
        service.edit_flag(session, ANNA, "demo", "ranker", edit, expected_version=flag.version)

        assert refused.value.field == "moves.v2"
        assert set(variants(served(session, UNITS)).values()) == {"v1"}
        moved = next(unit for unit, choice in before.items() if choice.variant == "v2")
        [change_] = queries.get_unit(session, "demo", moved).changes
        assert (change_.before, change_.after, change_.actor) == ("v2", "v1", ANNA.actor)


def test_a_forgotten_unit_is_a_newcomer_again(database: Database) -> None:
    with database.session() as session:
        sticky_flag(session)
        before = served(session, UNITS)
        expose(session, before.values())
        change(session, RuleDraft(id="r1", weights={"v2": 100_000}))
        [unit, *others] = [unit for unit, choice in before.items() if choice.variant == "v1"]

        gone = service.forget_unit(session, ANNA, "demo", unit)

        assert gone.assignments == 1
        assert queries.get_unit(session, "demo", unit).assignments == ()
        assert served(session, [unit])[unit].variant == "v2"
        assert set(variants(served(session, others)).values()) == {"v1"}
        assert unit not in str([entry.subject for entry in audit.entries(session)])


def test_drawing_anew_needs_the_key_typed_and_remembers_nobody(database: Database) -> None:
    with database.session() as session:
        flag = sticky_flag(session)
        before = served(session, UNITS)
        expose(session, before.values())

        with pytest.raises(Invalid, match="type the flag's key"):
            service.rerandomise(session, ANNA, "demo", "ranker", confirm="", expected_version=flag.version)
        after = service.rerandomise(
            session, ANNA, "demo", "ranker", confirm="ranker", expected_version=flag.version
        )

        assert after.salt == "demo/ranker#2"
        assert queries.count_assignments(session, PROD) == {}
        now = variants(served(session, UNITS))
        stayed = sum(1 for unit, choice in before.items() if now[unit] == choice.variant)
        assert stayed / len(UNITS) == pytest.approx(0.5, abs=0.05)
        with pytest.raises(Conflict):
            service.rerandomise(
                session, ANNA, "demo", "ranker", confirm="ranker", expected_version=flag.version
            )


def test_more_units_than_are_handed_out_must_be_asked_for(database: Database) -> None:
    few = replace(ANNA, kept_units=500)
    with database.session() as session:
        sticky_flag(session)
        before = served(session, UNITS)
        expose(session, before.values())
        version = queries.get_state(session, PROD).version
        rules = (RuleDraft(id="r1", weights=MOSTLY_V2),)
        draft = Targeting(rules=rules, default="v1", off="v1")

        service.set_targeting(session, few, PROD, draft, expected_version=version)

        after = served(session, UNITS)
        unsure = {unit for unit, choice in after.items() if choice.reason is Reason.ERROR}
        assert len(unsure) / len(UNITS) == pytest.approx(0.4, abs=0.05)
        assert all(after[unit].variant == before[unit].variant for unit in UNITS if unit not in unsure)
        assert queries.stored_variants(session, PROD, sorted(unsure)) == {
            unit: before[unit].variant for unit in unsure
        }


def test_a_few_units_are_kept_by_an_exact_list_that_takes_no_newcomer_for_enrolled(
    sqlite_database: Database,
) -> None:
    newcomers = [f"n{n}" for n in range(20_000)]
    with sqlite_database.session() as session:
        sticky_flag(session)
        expose(session, served(session, UNITS[:20]).values())

        change(session, RuleDraft(id="r1", weights=MOSTLY_V2))

        taken = [choice for choice in served(session, newcomers).values() if choice.reason is Reason.STICKY]
        # A filter of so few would take about 40.
        assert taken == []


def test_what_an_earlier_split_decides_is_known_from_the_epochs_revision_on(
    sqlite_database: Database,
) -> None:
    many = [f"m{n}" for n in range(3_000)]
    with sqlite_database.session() as session:
        sticky_flag(session)
        rule = queries.get_state(session, PROD).rules[0]
        assert queries.earlier_split(session, PROD, rule) is None
        expose(session, served(session, many).values())
        change(session, RuleDraft(id="r1", weights=MOSTLY_V2))
        changed = queries.get_environment(session, "demo", "prod").revision
        version = queries.get_state(session, PROD).version
        service.set_enabled(session, ANNA, PROD, enabled=False, expected_version=version)
        rule = queries.get_state(session, PROD).rules[0]

        found = queries.earlier_split(session, PROD, rule)

        assert found is not None
        assert found.revision == changed
        assert [(part.start, part.end) for part in found.taken] == [(10_000, 50_000)]
        assert 0.0 < found.taken[0].share <= 0.001
