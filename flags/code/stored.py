"""A project as it is stored, at one instant: what plans compare and exports write."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from flags import queries
from flags.code.exporting import environment_plain, flag_plain, project_plain
from flags.model import EnvironmentView, FlagDetail, LayerView, ProjectView, SegmentView
from runtime.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """One environment beside its flags."""

    environment: EnvironmentView
    layers: tuple[LayerView, ...]
    segments: dict[str, SegmentView]

    @property
    def seeds(self) -> dict[str, str]:
        """Of its layers, by key."""
        return {each.key: each.seed for each in self.layers}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A project, whole. ``project`` None: there is none yet."""

    project: ProjectView | None
    places: dict[str, Surroundings]
    flags: dict[str, FlagDetail]
    archived: dict[str, FlagDetail]

    @property
    def seeds(self) -> dict[str, dict[str, str]]:
        """Of layers, by environment and key."""
        return {key: place.seeds for key, place in self.places.items()}

    def flag_plain(self, key: str, environments: Collection[str]) -> dict[str, Any]:
        """One flag as the document spells it."""
        detail = self.flags[key]
        states = [each for each in detail.states if each.environment in environments]
        return flag_plain(detail.flag, states, self.seeds)

    def fingerprint(self) -> str:
        """Another one as soon as anything of the project was changed."""
        counted = [
            [place.environment.revision, place.environment.holdout, place.environment.key, *place.seeds]
            for place in self.places.values()
        ]
        versions = [[key, each.flag.version] for key, each in {**self.flags, **self.archived}.items()]
        return hashlib.sha256(json.dumps([counted, versions]).encode()).hexdigest()


NOTHING = Stored(project=None, places={}, flags={}, archived={})


def read_project(session: Session, key: str) -> Stored:
    """The project as it is in this transaction; ``NOTHING`` if there is none."""
    try:
        project = queries.get_project(session, key)
    except NotFound:
        return NOTHING
    return Stored(
        project=project,
        places={each.key: _surroundings(session, each) for each in queries.list_environments(session, key)},
        flags=_flags(session, key, archived=False),
        archived=_flags(session, key, archived=True),
    )


def export(session: Session, key: str, environments: Collection[str] = ()) -> dict[str, Any]:
    """The document of a project, with the states of these environments (none given: of all). NotFound."""
    project = queries.get_project(session, key)
    stored = read_project(session, key)
    for each in environments:
        if each not in stored.places:
            raise NotFound("environment", f"{key}/{each}")
    chosen = [each for each in stored.places if not environments or each in environments]
    places = [stored.places[each] for each in chosen]
    return project_plain(project) | {
        "environments": {
            each.environment.key: environment_plain(each.environment, each.layers, each.segments.values())
            for each in places
        },
        "flags": {flag: stored.flag_plain(flag, chosen) for flag in stored.flags},
    }


def _surroundings(session: Session, at: EnvironmentView) -> Surroundings:
    segments = queries.list_segments(session, at.project, at.key)
    return Surroundings(
        environment=at,
        layers=queries.list_layers(session, at.project, at.key),
        segments={each.key: each for each in segments},
    )


def _flags(session: Session, project: str, *, archived: bool) -> dict[str, FlagDetail]:
    found: dict[str, FlagDetail] = {}
    while True:
        page = queries.list_flags(
            session, project, archived=archived, limit=queries.MOST_AT_ONCE, offset=len(found)
        )
        found |= {each.flag.key: each for each in page.items}
        if not page.items or len(found) >= page.total:
            return found
