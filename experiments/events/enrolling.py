"""Exposures of sticky flags on their way to the lake: whoever met a variant keeps it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flags.service import Exposed, enrol_exposed, sticky_flags
from runtime.database import Database

# One transaction each: long enough to be quick, short enough that nobody waits long for the database.
AT_ONCE: Final = 5_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

EnvironmentName = Callable[[int], str]


def exposed_of(event: dict[str, Any]) -> Exposed:
    """The exposure that this event tells of; it has been validated."""
    return Exposed(
        flag=event["flag"],
        unit=event["unit"],
        variant=event["variant"],
        rule=event.get("rule"),
        revision=event.get("revision"),
        at=_EPOCH + timedelta(microseconds=event["at_us"]),
    )


@dataclass(slots=True)
class Enrolling:
    """The exposures of a drain that enrol, by environment; filled event by event.

    Enrolling again changes nothing, so a drain that is repeated may repeat it.
    """

    sticky: dict[int, frozenset[str]]
    """The keys of sticky flags, by environment."""
    _exposed: dict[int, list[Exposed]] = field(default_factory=dict)

    @classmethod
    def among(cls, database: Database, environments: set[int]) -> "Enrolling":
        """For the sticky flags these environments have now."""
        with database.reading() as session:
            return cls(sticky={each: sticky_flags(session, each) for each in sorted(environments)})

    def add(self, environment_id: int, event: dict[str, Any]) -> None:
        """Keep the event if it is an exposure of a sticky flag; it has been validated."""
        if event["type"] != "exposure" or event["flag"] not in self.sticky[environment_id]:
            return
        self._exposed.setdefault(environment_id, []).append(exposed_of(event))

    def write(self, database: Database, name_of: EnvironmentName) -> int:
        """Bring them to the store of assignments; how many units were new."""
        new = 0
        for environment_id, exposed in sorted(self._exposed.items()):
            project = name_of(environment_id).partition("/")[0]
            # The earliest first: the first writer wins.
            exposed.sort(key=lambda each: each.at)
            for start in range(0, len(exposed), AT_ONCE):
                with database.session() as session:
                    part = exposed[start : start + AT_ONCE]
                    new += enrol_exposed(session, project, environment_id, part)
        return new
