"""Why a unit gets what it gets: the reason chain of the current ruleset, beside what the store remembers."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from flags import queries
from flags.assignments import Assignment
from flags.evaluations import Evaluations
from flags.model import FlagAt
from flags.publisher import Publisher
from pointsman.core.explain import Explanation, explain


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One unit under one flag. ``stored`` is its assignment, where the flag is sticky and it has one."""

    at: FlagAt
    revision: int
    explanation: Explanation
    stored: Assignment | None


def explained(
    session: Session,
    publisher: Publisher,
    evaluations: Evaluations,
    at: FlagAt,
    unit: str,
    context: Mapping[str, object],
) -> Explained:
    """Every step of the evaluation as SDKs make it now. Enrolls nobody. NotFound, Invalid (the unit)."""
    environment = queries.get_environment(session, at.project, at.environment)
    queries.get_flag(session, at.project, at.flag)
    known = queries.get_unit(session, at.project, unit)
    compiled = publisher.current(session, queries.current_ruleset(session, environment))
    answers = evaluations.of(compiled, lambda digests: queries.unit_sets_in(session, environment.id, digests))
    mine = (each for each in known.assignments if (each.environment, each.flag) == (at.environment, at.flag))
    return Explained(
        at=at,
        revision=compiled.revision,
        explanation=explain(answers.evaluation, at.flag, unit, dict(context)),
        stored=next(mine, None),
    )
