"""Words for tests: a project, a flag, an author, and the targeting people mean."""

from collections.abc import Mapping

from prometheus_client import REGISTRY
from sqlalchemy.orm import Session

from flags import queries, service
from flags.guards import By
from flags.model import FlagAt, FlagView, NewFlag, RuleDraft, Targeting
from pointsman.core.model import Condition, Json, Kind, Operator
from runtime import audit
from runtime.actors import Actor, ActorKind

ANNA = By(Actor(ActorKind.PERSON, "anna@example.org"))
BERT = By(Actor(ActorKind.PERSON, "bert@example.org"))

PROD = FlagAt("demo", "prod", "ranker")
DEV = FlagAt("demo", "dev", "ranker")

V1: Json = {"model": "small", "cost_per_call": 0.001}
V2: Json = {"model": "large", "params": {"temperature": 0.5}}


def project(session: Session, key: str = "demo") -> None:
    """A project with its three environments."""
    service.create_project(session, ANNA, key)


def flag(session: Session, key: str = "ranker", variants: Mapping[str, Json] | None = None) -> FlagView:
    """A model flag in the project `demo`."""
    chosen = {"v1": V1, "v2": V2} if variants is None else variants
    return service.create_flag(session, ANNA, "demo", NewFlag(key=key, kind=Kind.MODEL, variants=chosen))


def demo(session: Session) -> FlagView:
    """The project `demo` with the flag `ranker`."""
    project(session)
    return flag(session)


def split(v1: int, v2: int, *, rule: str = "", conditions: tuple[Condition, ...] = ()) -> RuleDraft:
    """A rule that shares units between v1 and v2, in percent."""
    return RuleDraft(id=rule, conditions=conditions, weights={"v1": v1 * 1_000, "v2": v2 * 1_000})


def targeting(*rules: RuleDraft, default: str = "v1", off: str = "v1") -> Targeting:
    """Targeting with these rules."""
    return Targeting(rules=rules, default=default, off=off)


def attribute(name: str, operator: Operator, *values: bool | int | float | str) -> Condition:
    """A condition."""
    return Condition(attribute=name, operator=operator, values=values)


GERMANS = attribute("country", Operator.IN, "DE", "AT")


def actions(session: Session) -> list[str]:
    """The audit log's actions, oldest first."""
    return [entry.action for entry in reversed(audit.entries(session))]


def revision(session: Session, environment: str = "prod") -> int:
    """The revision an environment of `demo` is at."""
    return queries.get_environment(session, "demo", environment).revision


def counted(name: str, **labels: str) -> float:
    """What a metric stands at; 0 before it was ever counted."""
    return REGISTRY.get_sample_value(name, labels) or 0.0
