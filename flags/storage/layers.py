"""Layers of an environment."""

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flags.model import EnvironmentView
from flags.storage.tables import LayerRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer as it is stored; who has room in it stands in the flags' rules."""

    id: int
    key: str
    name: str
    seed: str


def layers(session: Session, at: EnvironmentView) -> tuple[Layer, ...]:
    """Every layer of the environment, by key."""
    rows = session.scalars(select(LayerRow).where(LayerRow.environment_id == at.id).order_by(LayerRow.key))
    return tuple(Layer(id=row.id, key=row.key, name=row.name, seed=row.seed) for row in rows)


def add(session: Session, at: EnvironmentView, *, key: str, name: str, seed: str) -> Layer:
    """Write a new layer. The caller has locked the environment and seen that the key is free."""
    row = LayerRow(environment_id=at.id, key=key, name=name, seed=seed)
    session.add(row)
    session.flush()
    return Layer(id=row.id, key=row.key, name=row.name, seed=row.seed)


def remove(session: Session, layer_id: int) -> None:
    """Delete the layer. The caller has seen that no rule has room in it."""
    session.execute(delete(LayerRow).where(LayerRow.id == layer_id))
