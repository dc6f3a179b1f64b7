"""What a running experiment forbids: changes of its flag that would move its units or mix its data."""

from typing import Final

from sqlalchemy.orm import Session

from experiments.model import ExperimentView, Plan
from experiments.queries import running_experiment
from flags.guards import Change
from pointsman.core.model import Flag, Rule
from runtime.errors import Locked

_ADVICE: Final = "stop the experiment first"


class ExperimentGuard:
    """Locks a flag's salt, the split of the experiment's rule and its variants' payloads while it runs.

    The kill switch always works, whatever runs: safety first.
    """

    def check(self, session: Session, change: Change) -> None:
        """Locked: a running experiment depends on what would change."""
        at = change.at
        running = running_experiment(session, at.project, at.environment, at.flag)
        if running is None or running.plan is None:
            return
        if problem := forbidden(running.plan, change.before, change.after):
            raise Locked(at.path, _words(running, problem))


def forbidden(plan: Plan, before: Flag | None, after: Flag | None) -> str | None:
    """What of the plan the change would break, in words; None: nothing. PURE."""
    if after is None:
        return "needs the flag, which cannot be archived now"
    if after.salt != plan.salt:
        return "depends on the flag's salt: another one would move every unit"
    if before is None:
        return None
    changed = sorted(name for name in plan.weights if before.variants.get(name) != after.variants.get(name))
    if changed:
        return f"compares the payloads of its variants, so {', '.join(changed)} must stay as they are"
    if _upto(before, plan.flag_rule) != _upto(after, plan.flag_rule):
        return (
            f"depends on rule {plan.flag_rule!r}: its split, its conditions and the rules before it decide "
            "which units see what"
        )
    return None


def _upto(flag: Flag, rule_id: str) -> tuple[Rule, ...]:
    """The rules that decide who reaches this one, and the rule itself."""
    ids = [rule.id for rule in flag.rules]
    return flag.rules[: ids.index(rule_id) + 1] if rule_id in ids else ()


def _words(running: ExperimentView, problem: str) -> str:
    return f"experiment {running.at.experiment!r} is running and {problem}; {_ADVICE}"
