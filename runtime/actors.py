"""Who does a thing: written beside every change."""

from dataclasses import dataclass, field
from enum import StrEnum


class ActorKind(StrEnum):
    """Where a command came from."""

    PERSON = "person"
    TOKEN = "token"
    CLI = "cli"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """``name`` is an e-mail address, a token's name, an operating-system user or a system part."""

    kind: ActorKind
    name: str
    owner: str = field(default="", compare=False)
    """Who made the token that acts, as ``kind:name``; empty: nobody stands behind it."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


SYSTEM = Actor(ActorKind.SYSTEM, "pointsman")
