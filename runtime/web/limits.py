"""How often a stranger may try."""

from typing import Final

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

# Per process and in memory: enough to make guessing a password hopeless.
SIGN_IN: Final = "20 per minute"
limiter: Final = Limiter(key_func=get_remote_address, storage_uri="memory://", headers_enabled=True)


def register(app: Flask) -> None:
    """Arm the limits of the application."""
    limiter.init_app(app)
