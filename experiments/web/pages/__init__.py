"""The experiment pages for people. Importing the modules adds their routes to the blueprint."""

from experiments.web.pages import life, pipeline, reports, writing
from experiments.web.pages.blueprint import blueprint

__all__ = ["blueprint", "life", "pipeline", "reports", "writing"]
