"""The admin API under /api/v1: the service's commands and the queries, as JSON.

The application passes `refuse_model` to flask-openapi3 as its ``validation_error_callback``.
"""

from flags.web.api import (
    audit,
    changes,
    code,
    explain,
    flags,
    history,
    imports,
    inventory,
    keys,
    population,
    projects,
    segments,
    serving,
    units,
)
from flags.web.api.blueprint import blueprint
from flags.web.json_bodies import refuse_model

__all__ = [
    "audit",
    "blueprint",
    "changes",
    "code",
    "explain",
    "flags",
    "history",
    "imports",
    "inventory",
    "keys",
    "population",
    "projects",
    "refuse_model",
    "segments",
    "serving",
    "units",
]
