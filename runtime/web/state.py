"""What one web process carries: settings and database, hung on the Flask application."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from flask import Flask, current_app
from sqlalchemy.orm import Session

from runtime.database import Database
from runtime.settings import Settings

_KEY: Final = "pointsman"

Readings: TypeAlias = Callable[[Session], Mapping[str, float]]
"""Reads the database and gives the values of some gauges, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebState:
    """Shared by all threads of the process."""

    settings: Settings
    database: Database
    gauges: tuple[Readings, ...] = ()
    """What other houses want measured whenever /metrics is asked."""


def attach(app: Flask, state: WebState) -> None:
    """Hang the state on the application."""
    app.extensions[_KEY] = state


def state() -> WebState:
    """The state of the application that serves this request."""
    found = current_app.extensions[_KEY]
    assert isinstance(found, WebState)  # noqa: S101  (attach() is the only writer)
    return found
