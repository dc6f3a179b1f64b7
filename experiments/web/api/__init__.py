"""The experiments' part of the admin API under /api/v1."""

from experiments.web.api import experiments, reports, steps
from experiments.web.api.blueprint import blueprint

__all__ = ["blueprint", "experiments", "reports", "steps"]
