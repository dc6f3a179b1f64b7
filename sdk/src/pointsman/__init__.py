"""Pointsman: which model to call for whom, and what came of it.

    client = Client("https://flags.example.com", key="...")
    choice = client.variant("ranker", unit="user-42", default="v1")

Names are imported when first used, so that a program that only wants ``pointsman.core`` (the server) never
loads the client.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pointsman.version import VERSION

if TYPE_CHECKING:
    from pointsman.client import Client
    from pointsman.core.choice import Choice, ErrorCode, Reason
    from pointsman.errors import ConfigurationError, PointsmanError
    from pointsman.options import Options
    from pointsman.stats import Stats

__version__ = VERSION

_HOMES = {
    "Choice": "pointsman.core.choice",
    "Client": "pointsman.client",
    "ConfigurationError": "pointsman.errors",
    "ErrorCode": "pointsman.core.choice",
    "Options": "pointsman.options",
    "PointsmanError": "pointsman.errors",
    "Reason": "pointsman.core.choice",
    "Stats": "pointsman.stats",
}

__all__ = [
    "Choice",
    "Client",
    "ConfigurationError",
    "ErrorCode",
    "Options",
    "PointsmanError",
    "Reason",
    "Stats",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found
