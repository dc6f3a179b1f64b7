"""The experiments' part of the admin API under /api/v1."""

from experiments.web.api import experiments, pipeline, reports, steps
from experiments.web.api.blueprint import blueprint

__all__ = ["blueprint", "experiments", "pipeline", "reports", "steps"]
