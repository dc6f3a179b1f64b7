"""What would take long to evaluate is refused when it is saved or imported, with the field and the fix."""

import time
from dataclasses import replace

import pytest

from flags import service
from flags.importers import growthbook
from flags.importers.model import Options
from flags.model import RuleDraft, SegmentDraft
from pointsman.core.model import AnyOf, Condition, Json, Operator
from runtime.database import Database
from runtime.errors import Invalid, Locked
from tests.flags.making import ANNA, PROD, demo, targeting
from tests.flags.sticky import change, expose, served, sticky_flag

SLOW = "(?:[ab]*a[ab]{200}){2}c%d"
HALVES = {"v1": 50_000, "v2": 50_000}


def patterns(*found: str) -> AnyOf:
    return AnyOf(
        tuple(
            Condition(attribute="text", operator=Operator.TEXT_MATCHES, values=(pattern,))
            for pattern in found
        )
    )


def rule(*found: str) -> RuleDraft:
    return RuleDraft(weights=HALVES, conditions=(patterns(*found),))


def refused(database: Database, *rules: RuleDraft) -> Invalid:
    with database.session() as session:
        demo(session)
        with pytest.raises(Invalid) as problem:
            service.set_targeting(session, ANNA, PROD, targeting(*rules), expected_version=1)
    return problem.value


def test_a_flag_names_the_rule_with_which_its_patterns_become_too_many(sqlite_database: Database) -> None:
    ten, twenty = [[SLOW % number for number in range(start, start + 10)] for start in (0, 10)]

    problem = refused(sqlite_database, rule(*ten), rule(*twenty))

    assert problem.field == "rules.1.conditions"
    assert "cost 8210 units, at most 5000" in problem.problem
    assert "use fewer or smaller patterns" in problem.problem


def test_twenty_thousand_patterns_are_refused_before_any_is_compiled(sqlite_database: Database) -> None:
    rules = [rule(*(f"^user {part} {number}$" for number in range(198))) for part in range(100)]

    start = time.process_time()
    problem = refused(sqlite_database, *rules)

    assert problem.field == "rules.0.conditions"
    # Compiling them took 7 s.
    assert time.process_time() - start < 3.0


def test_one_pattern_that_is_too_large_is_refused(sqlite_database: Database) -> None:
    problem = refused(sqlite_database, rule("[ab]{0,1000}[ab]{0,300}"))

    assert problem.field == "rules.0.conditions.0.any.0.values"
    assert "instructions, at most 2500 are allowed" in problem.problem


def test_a_segment_and_all_segments_together_are_bounded(sqlite_database: Database) -> None:
    def draft(key: str, count: int) -> SegmentDraft:
        found = patterns(*(f"{key} {number}" for number in range(count)))
        return SegmentDraft(key=key, conditions=(found,))

    with sqlite_database.session() as session:
        demo(session)
        with pytest.raises(Invalid, match=r"conditions: its text_matches .* cost 5100 units"):
            service.create_segment(session, ANNA, "demo", "prod", draft("large", 51))
        for key in ("one", "two"):
            service.create_segment(session, ANNA, "demo", "prod", draft(key, 50))
        with pytest.raises(Invalid, match=r"all segments' together, .* cost 10100 units"):
            service.create_segment(session, ANNA, "demo", "prod", draft("three", 1))
        service.edit_segment(session, ANNA, "demo", "prod", draft("two", 49), expected_version=1)
        service.create_segment(session, ANNA, "demo", "prod", draft("three", 1))


def test_a_sticky_flag_that_would_remember_too_many_patterns_is_not_changed(
    sqlite_database: Database,
) -> None:
    with sqlite_database.session() as session:
        sticky_flag(session)
        first = replace(rule(*(f"first {number}" for number in range(40))), id="r1")
        change(session, first)
        expose(session, served(session, ["u1"], text="first 1").values())

        change(session, replace(first, weights={"v1": 10_000, "v2": 90_000}))
        with pytest.raises(Locked, match="re-randomise the flag"):
            change(session, replace(rule(*(f"second {number}" for number in range(40))), id="r1"))


def test_an_import_says_that_a_flag_would_be_too_slow() -> None:
    anything: Json = {"$or": [{"mail": {"$regex": f"^user{number}@"}} for number in range(51)]}
    features: Json = {"mails": {"defaultValue": False, "rules": [{"condition": anything, "force": True}]}}

    found = growthbook.mapped({"status": 200, "features": features}, Options())

    assert found.flags == ()
    assert any("cost 5100 units, at most 5000" in finding.text for finding in found.findings)
