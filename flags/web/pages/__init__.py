"""The flag pages for people. Importing the modules adds their routes to the blueprint."""

from flags.web.pages import (
    audit,
    catalogue,
    changes,
    explain,
    exports,
    imports,
    inventory,
    keys,
    population,
    promote,
    revisions,
    segments,
    targeting,
    units,
)
from flags.web.pages.blueprint import blueprint

__all__ = [
    "audit",
    "blueprint",
    "catalogue",
    "changes",
    "explain",
    "exports",
    "imports",
    "inventory",
    "keys",
    "population",
    "promote",
    "revisions",
    "segments",
    "targeting",
    "units",
]
