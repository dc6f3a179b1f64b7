"""A project that uses everything a document can carry."""

from typing import Any

from sqlalchemy.orm import Session

from flags import queries, service
from flags.model import FlagAt, FlagEdit, LayerShare, Link, NewFlag, RuleDraft, SegmentDraft, Targeting
from flags.publisher import compile_ruleset
from pointsman.core.model import (
    AllOf,
    AnyOf,
    Gate,
    GateKind,
    Hashing,
    InSegment,
    Kind,
    Not,
    Operator,
    Scheme,
    Serves,
    Span,
    Switch,
    Window,
)
from tests.flags.making import ANNA, GERMANS, V1, V2, attribute, demo

RANKER = FlagAt("demo", "prod", "ranker")
OFF: dict[str, Any] = {"off": False, "on": True}


def rich(session: Session) -> None:
    """The project `demo`: ranker with moved ranges, layer, conditions and all; greeting; an imported flag."""
    demo(session)
    service.create_layer(session, ANNA, "demo", "prod", "ranking", name="Ranking")
    service.create_segment(
        session, ANNA, "demo", "prod", SegmentDraft(key="staff", conditions=(GERMANS,), included=("ada",))
    )
    service.create_segment(
        session, ANNA, "demo", "prod", SegmentDraft(key="inner", conditions=(InSegment("staff"),))
    )
    service.set_holdout(session, ANNA, "demo", "prod", share=2_500, expected=0)
    service.create_flag(session, ANNA, "demo", NewFlag(key="greeting", kind=Kind.BOOLEAN, variants=OFF))
    edit = FlagEdit(
        name="Ranker: yes", tags=("nlp",), owner="ada", links=(Link("docs", "https://example.org/a"),)
    )
    version = queries.get_flag(session, "demo", "ranker").flag.version
    service.edit_flag(session, ANNA, "demo", "ranker", edit, expected_version=version)
    for weights in ({"v1": 95_000, "v2": 5_000}, {"v1": 60_000, "v2": 40_000}, {"v1": 80_000, "v2": 20_000}):
        target(session, RANKER, everything(weights))
    service.set_enabled(session, ANNA, RANKER, enabled=True, expected_version=version_of(session, RANKER))
    _imported(session)


def everything(weights: dict[str, int]) -> Targeting:
    """Every kind of rule."""
    first = RuleDraft(
        id="first",
        conditions=(
            AnyOf((AllOf((GERMANS, Not(InSegment("inner")))), Serves("greeting", ("on",)))),
            attribute("age", Operator.NUMBER_GE, 18.5),
        ),
        weights=weights,
        coverage=50_000,
        layer=LayerShare(layer="ranking", share=30_000),
        window=Window(start=1_700_000_000, end=None),
    )
    return Targeting(
        rules=(first, RuleDraft(id="rest", weights={"v2": 100_000 - 3, "v1": 3})),
        default="v1",
        off="v2",
        overrides={"ada": "v2", "null": "v1"},
        requires=(Serves("greeting", ("off", "on")),),
        switches=(Switch(at=4_000_000_000, enabled=False),),
    )


def target(session: Session, at: FlagAt, wanted: Targeting) -> None:
    """Targeting at whatever version."""
    service.set_targeting(session, ANNA, at, wanted, expected_version=version_of(session, at))


def version_of(session: Session, at: FlagAt) -> int:
    """Of the flag's state."""
    return queries.get_state(session, at).version


def bytes_of(session: Session, environment: str = "prod", project: str = "demo") -> bytes:
    """The ruleset as SDKs download it."""
    at = queries.get_environment(session, project, environment)
    return compile_ruleset(session, at.id).body


def _imported(session: Session) -> None:
    """A flag whose rule buckets as another vendor does."""
    service.create_flag(
        session, ANNA, "demo", NewFlag(key="imported", kind=Kind.JSON, variants={"a": V1, "b": V2, "c": 1})
    )
    hashing = Hashing(scheme=Scheme.FLAGD, seed="imported", buckets=7)
    gate = Gate(
        kind=GateKind.COVERAGE,
        name="theirs",
        hashing=Hashing(scheme=Scheme.UNLEASH, seed="x", buckets=100),
        spans=(Span(0, 40),),
    )
    rule = RuleDraft(
        id="r7", weights={"a": 3, "b": 4}, buckets=7, hashing=hashing, gates=(gate,), coverage=30_000
    )
    target(session, FlagAt("demo", "prod", "imported"), Targeting(rules=(rule,), default="c", off="c"))
