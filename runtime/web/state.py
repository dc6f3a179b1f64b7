"""What one web process carries: settings and database, hung on the Flask application."""

from dataclasses import dataclass
from typing import Final

from flask import Flask, current_app

from runtime.database import Database
from runtime.settings import Settings

_KEY: Final = "pointsman"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebState:
    """Shared by all threads of the process."""

    settings: Settings
    database: Database


def attach(app: Flask, state: WebState) -> None:
    """Hang the state on the application."""
    app.extensions[_KEY] = state


def state() -> WebState:
    """The state of the application that serves this request."""
    found = current_app.extensions[_KEY]
    assert isinstance(found, WebState)  # noqa: S101  (attach() is the only writer)
    return found
