"""The flag pages for people. Importing the modules adds their routes to the blueprint."""

from flags.web.pages import catalogue, keys, population, segments, targeting, units
from flags.web.pages.blueprint import blueprint

__all__ = ["blueprint", "catalogue", "keys", "population", "segments", "targeting", "units"]
