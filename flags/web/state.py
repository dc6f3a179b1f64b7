"""What the flags house carries in a web process: the publisher, and the guards of the houses above."""

from dataclasses import dataclass, field
from typing import Final

from flask import Flask, current_app

from flags.evaluations import Evaluations
from flags.guards import By, Guards, Waiting
from flags.limits import KEPT_UNITS
from flags.opinions import Opinions
from flags.publisher import Publisher
from flags.registry import ModelRegistry
from runtime.web.auth import require_actor

_KEY: Final = "pointsman.flags"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagsState:
    """Shared by all threads of the process."""

    publisher: Publisher
    evaluations: Evaluations = field(default_factory=Evaluations)
    guards: Guards = ()
    opinions: Opinions = ()
    kept_units: int = KEPT_UNITS
    registry: ModelRegistry | None = None
    waiting: Waiting | None = None


def attach(app: Flask, state: FlagsState) -> None:
    """Hang the state on the application."""
    app.extensions[_KEY] = state


def flags_state() -> FlagsState:
    """The state of the application that serves this request."""
    found = current_app.extensions[_KEY]
    assert isinstance(found, FlagsState)  # noqa: S101  (attach() is the only writer)
    return found


def by(reason: str = "") -> By:
    """Whoever makes this request, with the application's guards. Unauthenticated: a stranger."""
    known = flags_state()
    return By(require_actor(), reason, known.guards, kept_units=known.kept_units, waiting=known.waiting)
