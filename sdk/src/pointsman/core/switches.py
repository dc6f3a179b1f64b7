"""Whether a flag is switched on at an instant."""

from bisect import bisect_right
from collections.abc import Callable

from pointsman.core.model import Flag, Switch


def enabled_at(flag: Flag) -> Callable[[float], bool]:
    """Whether the flag is on at this Unix time, as its switches that are due have left it."""
    times = tuple(switch.at for switch in flag.switches)
    states = (flag.enabled, *(switch.enabled for switch in flag.switches))
    return lambda now: states[bisect_right(times, now)]


def last_due(flag: Flag, now: float) -> Switch | None:
    """The switch that set the flag's present state; None: none is due."""
    due = [switch for switch in flag.switches if switch.at <= now]
    return due[-1] if due else None
