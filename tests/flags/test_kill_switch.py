"""The kill switch works whatever a flag's rules are, broken ones too, and reaches whoever evaluates."""

import pytest
from sqlalchemy import update

from flags import queries, service
from flags.model import LayerShare, RuleDraft, SegmentDraft, Targeting
from flags.storage.tables import FlagStateRow
from pointsman.core.choice import Reason
from pointsman.core.codec import CodecError
from pointsman.core.model import AnyOf, InSegment, Not, Operator, Serves, Switch, Window
from runtime.database import Database
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
        session.execute(update(FlagStateRow).values(enabled=False))

        evaluation = cold(session)

        assert evaluation.choose("ranker", "u1", {}, None).reason is Reason.OFF
        assert evaluation.choose("other", "u1", {}, None).variant == "v1"
