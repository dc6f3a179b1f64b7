"""The kill switch works whatever a flag's rules are, broken ones too, and reaches whoever evaluates."""

import pytest
from sqlalchemy import select, update

from flags import queries, service
from flags.model import FlagEdit, LayerShare, RuleDraft, SegmentDraft, Targeting
from flags.service.restoring import Side
from flags.storage.tables import FlagStateRow
from pointsman.core.choice import Reason
from pointsman.core.codec import CodecError
from pointsman.core.model import AnyOf, InSegment, Not, Operator, Serves, Switch, Window
from runtime.database import Database
from runtime.errors import Invalid
from tests.flags.making import ANNA, GERMANS, PROD, V1, V2, attribute, flag
from tests.flags.sticky import cold, expose, served, sticky_flag

HALVES = {"v1": 50_000, "v2": 50_000}
RULES = {
    "a split": RuleDraft(weights=HALVES),
    "one variant": RuleDraft(weights={"v2": 100_000}),
    "a tree": RuleDraft(weights=HALVES, conditions=(AnyOf((GERMANS, Not(GERMANS))),)),
    "a pattern": RuleDraft(weights=HALVES, conditions=(attribute("a", Operator.TEXT_MATCHES, "^x"),)),
    "a segment": RuleDraft(weights=HALVES, conditions=(Not(InSegment("staff")),)),
    "another flag": RuleDraft(weights=HALVES, conditions=(Serves("other", ("v1",)),)),
    "coverage": RuleDraft(weights=HALVES, coverage=50_000),
    "a layer": RuleDraft(weights=HALVES, layer=LayerShare(layer="checkout", share=30_000)),
    "a window": RuleDraft(weights=HALVES, window=Window(start=0, end=None)),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_kind_of_rule_can_be_switched_off(database: Database, rule: RuleDraft) -> None:
    with database.session() as session:
        sticky_flag(session)
        flag(session, "other", {"v1": V1, "v2": V2})
        service.create_segment(session, ANNA, "demo", "prod", SegmentDraft(key="staff", included=("u1",)))
        service.create_layer(session, ANNA, "demo", "prod", "checkout")
        state = queries.get_state(session, PROD)
        draft = Targeting(
            rules=(rule,),
            default="v2",
            off="v1",
            overrides={"u2": "v2"},
            switches=(Switch(at=1, enabled=True),),
        )
        state = service.set_targeting(session, ANNA, PROD, draft, expected_version=state.version)
        expose(session, served(session, ["u3"]).values())

        off = service.set_enabled(session, ANNA, PROD, enabled=False, expected_version=state.version)
        service.set_targeting(
            session,
            ANNA,
            PROD,
            Targeting(rules=(rule,), default="v2", off="v1", overrides={"u2": "v2"}),
            expected_version=off.version,
        )

        choices = served(session, ["u1", "u2", "u3"], country="DE").values()
        assert {(choice.variant, choice.reason) for choice in choices} == {("v1", Reason.OFF)}


@pytest.mark.parametrize(
    "broken",
    [
        [{"id": "r1", "conditions": [], "split": [[0, 100_000, "gone"]]}],
        [{"id": "r1", "conditions": [], "split": [[0, 50_000, "v1"]]}],
        [{"id": "r1", "conditions": [{"attribute": "a", "operator": "of a newer server", "values": []}],
          "split": [[0, 100_000, "v1"]]}],
        [{"nothing": "known"}],
        "not a list at all",
    ],
    ids=["a variant that is gone", "a hole", "an unknown operator", "no rule", "no list"],
)  # fmt: skip
def test_a_flag_whose_rule_is_broken_is_named_and_serves_again_once_it_is_switched_off(
    database: Database, broken: object
) -> None:
    with database.session() as session:
        sticky_flag(session)
        flag(session, "other", {"v1": V1, "v2": V2})
        session.execute(update(FlagStateRow).values(rules=broken).where(FlagStateRow.enabled.is_(True)))
        with pytest.raises(CodecError, match=r"flags\.ranker"):
            cold(session)
        state = queries.get_state(session, PROD)

        off = service.set_enabled(session, ANNA, PROD, enabled=False, expected_version=state.version)

        evaluation = cold(session)
        assert evaluation.choose("ranker", "u1", {}, None).reason is Reason.OFF
        assert evaluation.choose("other", "u1", {}, None).variant == "v1"
        found = session.scalars(select(FlagStateRow.rules).where(FlagStateRow.version == off.version))
        assert broken in found.all()


UNREADABLE = [{"nothing": "known"}]


@pytest.fixture
def unreadable(database: Database) -> Database:
    """A flag that is on, whose stored rules nobody can read."""
    with database.session() as session:
        sticky_flag(session)
        session.execute(update(FlagStateRow).values(rules=UNREADABLE).where(FlagStateRow.enabled.is_(True)))
    return database


def test_a_flag_that_cannot_be_read_is_listed_and_says_why(unreadable: Database) -> None:
    with unreadable.reading() as session:
        (listed,) = queries.list_flags(session, "demo").items

    assert "its stored rules cannot be read" in listed.state("prod").broken
    assert listed.state("dev").broken == ""


def test_new_targeting_mends_a_flag_that_could_not_be_read(unreadable: Database) -> None:
    with unreadable.session() as session:
        state = queries.get_state(session, PROD)
        draft = Targeting(rules=(), default="v2", off="v1")

        mended = service.set_targeting(session, ANNA, PROD, draft, expected_version=state.version)

        assert mended.broken == queries.get_state(session, PROD).broken == ""
        assert cold(session).choose("ranker", "u1", {}, None).variant == "v2"


def test_the_same_empty_targeting_mends_it_too(unreadable: Database) -> None:
    with unreadable.session() as session:
        state = queries.get_state(session, PROD)
        same = Targeting(rules=(), default=state.default, off=state.off)

        service.set_targeting(session, ANNA, PROD, same, expected_version=state.version)

        assert queries.get_state(session, PROD).broken == ""


def test_a_revision_of_what_could_not_be_read_is_not_returned_to(unreadable: Database) -> None:
    with unreadable.session() as session:
        earlier = queries.list_revisions(session, "demo", "prod", flag="ranker")[0].revision
        state = queries.get_state(session, PROD)
        off = service.set_enabled(session, ANNA, PROD, enabled=False, expected_version=state.version)
        newest = queries.list_revisions(session, "demo", "prod", flag="ranker")[0].revision
        with pytest.raises(Invalid, match="cannot be read"):
            service.revert_revision(session, ANNA, "demo", "prod", newest, expected_version=off.version)

        back = service.revert_revision(
            session, ANNA, "demo", "prod", earlier, expected_version=off.version, side=Side.AFTER
        )

        assert back.broken == ""
        assert len(back.rules) == 1


def test_an_edit_of_a_flag_leaves_unreadable_rules_as_they_are_stored(unreadable: Database) -> None:
    with unreadable.session() as session:
        edit = FlagEdit(variants={"v1": V1, "v2": V2, "v3": V2})

        version = queries.get_flag(session, "demo", "ranker").flag.version
        service.edit_flag(session, ANNA, "demo", "ranker", edit, expected_version=version)

        stored = session.scalars(select(FlagStateRow.rules)).all()
        assert UNREADABLE in stored
