"""What experiments know of flags that may have outlived their purpose."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from experiments.model import ExperimentView, Status
from experiments.queries import list_experiments

_OVER = {
    Status.STOPPED: "was stopped and waits for its decision",
    Status.DECIDED: "is decided",
}


class ExperimentOpinion:
    """A flag whose latest experiment is over has usually answered its question."""

    def stale(self, session: Session, project: str, environment: str) -> Mapping[str, str]:
        """The reason in words, by flag; a draft or a running experiment after it keeps a flag alive."""
        latest: dict[str, ExperimentView] = {}
        for each in list_experiments(session, project, environment):  # the newest first
            latest.setdefault(each.design.flag, each)
        return {
            flag: f"experiment {each.at.experiment} {_OVER[each.status]}"
            for flag, each in latest.items()
            if each.status in _OVER
        }
