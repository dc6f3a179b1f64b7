"""Bringing a project to what a document says, by the service's own commands, in the caller's transaction.

The order keeps every reference sound on the way: places, layers and segments, then flags with new variants,
then targeting, then away with what is no longer wanted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy.orm import Session

from flags import queries, service
from flags.code.document import EnvironmentDoc, FlagDoc, ProjectDoc, StateDoc
from flags.code.reading import flag_edit, new_flag, segment, targeting, within
from flags.code.stored import Stored
from flags.encoding import differences
from flags.guards import By
from flags.inventory import USED_DAYS
from flags.model import FlagAt, FlagState, FlagView
from flags.service.catalogue import edited
from flags.weights import buckets_of_share
from runtime.errors import Invalid
from runtime.urgent import Lane

Step = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applying:
    """One application of a document to what is stored."""

    session: Session
    by: By
    doc: ProjectDoc
    stored: Stored
    prune: bool

    def run(self) -> None:
        """Do all of it. Invalid, Conflict, Locked: as the commands have it, with the path in the document.

        Busy: something urgent waits.
        """
        lane = Lane(self.session)
        self._places()
        stored = {key: self._as_document(key, doc) for key, doc in self.doc.flags.items()}
        changed = {key: doc for key, doc in self.doc.flags.items() if _another(stored[key], doc)}
        now: dict[str, FlagView] = {}
        for key, doc in changed.items():
            lane.give_way()
            with within(f"flags.{key}"):
                now[key] = self._present(key, doc)
        in_rounds(
            [step for key, doc in changed.items() for step in self._states(key, doc, stored[key])], lane
        )
        for key, doc in changed.items():
            lane.give_way()
            with within(f"flags.{key}"):
                self._edit(now[key], doc, dict(doc.variants))
        if self.prune:
            self._prune()

    def _as_document(self, key: str, doc: FlagDoc) -> FlagDoc | None:
        """The flag as it is, with the environments that the document has; None: it is not served."""
        if key not in self.stored.flags:
            return None
        return FlagDoc.model_validate(self.stored.flag_plain(key, doc.environments.keys()))

    def _places(self) -> None:
        project = self.doc.project
        if self.stored.project is None:
            service.create_project(
                self.session, self.by, project, name=self.doc.name, description=self.doc.description
            )
        known = {each.key for each in queries.list_environments(self.session, project)}
        for key, doc in self.doc.environments.items():
            with within(f"environments.{key}"):
                if key not in known:
                    service.create_environment(self.session, self.by, project, key, name=doc.name)
                self._around(key, doc)

    def _around(self, key: str, doc: EnvironmentDoc) -> None:
        project = self.doc.project
        here = {each.key for each in queries.list_layers(self.session, project, key)}
        for layer, layer_doc in doc.layers.items():
            if layer not in here:
                service.create_layer(self.session, self.by, project, key, layer, name=layer_doc.name)
        in_rounds([self._segment(key, each, doc) for each in doc.segments], Lane(self.session))
        share = buckets_of_share(doc.holdout, "holdout")
        expected = queries.get_environment(self.session, project, key).holdout
        service.set_holdout(self.session, self.by, project, key, share=share, expected=expected)

    def _segment(self, environment: str, key: str, doc: EnvironmentDoc) -> Step:
        def step() -> None:
            with within(f"segments.{key}"):
                draft = segment(key, doc.segments[key])
                place = self.stored.places.get(environment)
                before = place.segments.get(key) if place else None
                if before is None:
                    service.create_segment(self.session, self.by, self.doc.project, environment, draft)
                else:
                    service.edit_segment(
                        self.session,
                        self.by,
                        self.doc.project,
                        environment,
                        draft,
                        expected_version=before.version,
                    )

        return step

    def _present(self, key: str, doc: FlagDoc) -> FlagView:
        """The flag is there, with its old variants and the new ones."""
        now = self._there(key, doc)
        _refuse_another(now, doc)
        old = {name: payload for name, payload in now.variants.items() if name not in doc.variants}
        return self._edit(now, doc, {**doc.variants, **old})

    def _there(self, key: str, doc: FlagDoc) -> FlagView:
        project = self.doc.project
        if key in self.stored.archived:
            version = self.stored.archived[key].flag.version
            return service.restore_flag(self.session, self.by, project, key, expected_version=version)
        if key in self.stored.flags:
            return self.stored.flags[key].flag
        return service.create_flag(self.session, self.by, project, new_flag(key, doc))

    def _edit(self, now: FlagView, doc: FlagDoc, variants: dict[str, Any]) -> FlagView:
        moves = {name: to for name, to in doc.moves.items() if name in now.variants and name not in variants}
        edit = flag_edit(now.key, doc, variants, moves)
        if not differences(now, edited(now, edit)):
            return now
        return service.edit_flag(
            self.session, self.by, self.doc.project, now.key, edit, expected_version=now.version
        )

    def _states(self, key: str, doc: FlagDoc, stored: FlagDoc | None) -> Iterator[Step]:
        known = {} if stored is None else stored.environments
        for environment, state in doc.environments.items():
            if _another(known.get(environment), state):
                yield self._state(FlagAt(self.doc.project, environment, key), state)

    def _state(self, at: FlagAt, doc: StateDoc) -> Step:
        def step() -> None:
            with within(f"flags.{at.flag}.environments.{at.environment}"):
                wanted, state = targeting(doc), queries.get_state(self.session, at)
                if not doc.enabled:
                    state = self._switched(at, state, enabled=False)
                state = service.set_targeting(
                    self.session, self.by, at, wanted, expected_version=state.version
                )
                if doc.enabled:
                    self._switched(at, state, enabled=True)

        return step

    def _switched(self, at: FlagAt, state: FlagState, *, enabled: bool) -> FlagState:
        if state.enabled is enabled:
            return state
        return service.set_enabled(self.session, self.by, at, enabled=enabled, expected_version=state.version)

    def _prune(self) -> None:
        project, since = self.doc.project, datetime.now(UTC).date() - timedelta(days=USED_DAYS)
        for key in absent_flags(self.doc, self.stored):
            version = queries.get_flag(self.session, project, key).flag.version
            service.archive_flag(
                self.session, self.by, project, key, expected_version=version, unless_used_since=since
            )
        for environment, doc in self.doc.environments.items():
            place = self.stored.places.get(environment)
            if place is None:
                continue
            for key in sorted(place.segments.keys() - doc.segments.keys()):
                version = place.segments[key].version
                service.delete_segment(
                    self.session, self.by, project, environment, key, expected_version=version
                )
            for layer in sorted(place.seeds.keys() - doc.layers.keys()):
                service.delete_layer(self.session, self.by, project, environment, layer)


def _another(now: BaseModel | None, wanted: BaseModel) -> bool:
    if now is None:
        return True
    # As text, for Python takes 1, 1.0 and True for equal and JSON does not.
    return now.model_dump_json() != wanted.model_dump_json()


def absent_flags(doc: ProjectDoc, stored: Stored) -> tuple[str, ...]:
    """Flags that are served and that the document does not know."""
    return tuple(sorted(stored.flags.keys() - doc.flags.keys()))


def in_rounds(steps: list[Step], lane: Lane) -> None:
    """Do every step; one that needs another to be done first is tried again after it.

    A step that raises Invalid has written nothing that counts. Invalid: the first one's, when none gets on.
    Busy: something urgent waits.
    """
    waiting = steps
    while waiting:
        stuck: list[tuple[Step, Invalid]] = []
        for step in waiting:
            lane.give_way()
            try:
                step()
            except Invalid as error:
                stuck.append((step, error))
        if len(stuck) == len(waiting):
            raise stuck[0][1]
        waiting = [step for step, _ in stuck]


def _refuse_another(now: FlagView, doc: FlagDoc) -> None:
    """Invalid: what never changes of a flag is another in the document."""
    salt = doc.salt or f"{now.project}/{now.key}"
    for field, old, new in (
        ("kind", now.kind.value, doc.kind.value),
        ("scheme", now.scheme.value, doc.scheme.value),
        ("salt", now.salt, salt),
    ):
        if old != new:
            fix = "re-randomise the flag, or make a new one" if field == "salt" else "make a new flag"
            raise Invalid(field, f"is {old!r} and cannot become {new[:80]!r}; {fix}")
