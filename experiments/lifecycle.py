"""Which step an experiment may take next. PURE."""

from typing import Final

from experiments.model import Status
from runtime.errors import Locked

_NEXT: Final = {
    Status.DRAFT: Status.RUNNING,
    Status.RUNNING: Status.STOPPED,
    Status.STOPPED: Status.DECIDED,
}
_WHY: Final = {
    Status.DRAFT: "it is a draft; start it first",
    Status.RUNNING: "it is running; stop it first",
    Status.STOPPED: "it is stopped; what remains is to decide. For more data make a new experiment",
    Status.DECIDED: "it is decided; make a new experiment",
}


def check_step(subject: str, status: Status, to: Status) -> None:
    """Locked: the experiment cannot go from here to there; says what can be done instead."""
    if _NEXT.get(status) is not to:
        raise Locked(subject, f"it cannot become {to}: {_WHY[status]}")


def check_editable(subject: str, status: Status) -> None:
    """Locked: only drafts change; a rule written after the data came decides nothing."""
    if status is not Status.DRAFT:
        raise Locked(subject, f"only a draft can be edited, and it is {status}; make a new experiment")
