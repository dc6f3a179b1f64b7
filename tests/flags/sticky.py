"""Words for tests of sticky flags: enrol, change, and evaluate as a cold SDK would."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from flags import queries, service
from flags.model import FlagView, NewFlag, RuleDraft, Targeting
from flags.publisher import compile_ruleset
from flags.service import Exposed
from flags.storage import unit_sets
from pointsman.core.choice import Choice
from pointsman.core.codec import decode
from pointsman.core.evaluation import Evaluation
from pointsman.core.model import Kind
from pointsman.core.references import unit_sets_of
from pointsman.core.unit_sets import read_units
from tests.flags.making import ANNA, PROD, V1, V2, project

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def sticky_flag(session: Session, *, weights: dict[str, int] | None = None) -> FlagView:
    """The project demo with the sticky flag ranker, on in prod, split in halves by the rule r1."""
    project(session)
    new = NewFlag(key="ranker", kind=Kind.MODEL, variants={"v1": V1, "v2": V2}, sticky=True)
    flag = service.create_flag(session, ANNA, "demo", new)
    service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)
    change(session, RuleDraft(id="r1", weights=weights or {"v1": 50_000, "v2": 50_000}))
    return flag


def change(session: Session, *rules: RuleDraft, default: str = "v1") -> None:
    """Save these rules at whatever version the flag is."""
    version = queries.get_state(session, PROD).version
    targeting = Targeting(rules=rules, default=default, off="v1")
    service.set_targeting(session, ANNA, PROD, targeting, expected_version=version)


def cold(session: Session) -> Evaluation:
    """What an SDK evaluates with that starts now: the ruleset and its unit sets, read from bytes."""
    environment = queries.get_environment(session, "demo", "prod")
    ruleset = decode(compile_ruleset(session, environment.id).body)
    bodies = unit_sets.bodies(session, environment.id, unit_sets_of(ruleset))
    return Evaluation(ruleset, {digest: read_units(body) for digest, body in bodies.items()})


def served(session: Session, units: Iterable[str], **context: object) -> dict[str, Choice]:
    """What each unit gets from a cold SDK."""
    evaluation = cold(session)
    return {unit: evaluation.choose("ranker", unit, context, None) for unit in units}


def expose(session: Session, choices: Iterable[Choice], *, at: datetime = NOON) -> int:
    """Bring the exposures of these choices to the store; how many units were new."""
    environment = queries.get_environment(session, "demo", "prod")
    exposed = [
        Exposed(
            flag=choice.flag,
            unit=choice.unit,
            variant=str(choice.variant),
            rule=choice.rule,
            revision=choice.revision,
            at=at,
        )
        for choice in choices
    ]
    return service.enrol_exposed(session, "demo", environment.id, exposed)


def variants(choices: dict[str, Choice]) -> dict[str, str]:
    """The variants alone."""
    return {unit: str(choice.variant) for unit, choice in choices.items()}
