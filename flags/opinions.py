"""What other houses know of flags: houses above implement `Opinion`, app.py hands it to the inventory."""

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from sqlalchemy.orm import Session


class Opinion(Protocol):
    """Why flags may have outlived their purpose, seen from another house. It reads and writes nothing."""

    def stale(self, session: Session, project: str, environment: str) -> Mapping[str, str]:
        """The reason in words, by flag; flags without any are absent."""
        ...


Opinions: TypeAlias = tuple[Opinion, ...]
