"""What a document would change, and changing it: both do it for real, one of them in a rehearsal."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from flags.code.applying import Applying, absent_flags
from flags.code.document import ProjectDoc
from flags.code.stored import Stored, Surroundings, read_project
from flags.encoding import differences as flag_differences
from flags.encoding import segment_json, served_json
from flags.guards import Action, By
from flags.limits import MOST_APPROVERS
from flags.model import FlagDetail, served
from flags.revisions import Difference, differences
from flags.service.opening import open_environment, open_project
from flags.service.publishing import trace
from flags.targeting import TargetingPreview, preview
from runtime.errors import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagChange:
    """What changes for one flag; ``environment`` empty: of what it is everywhere.

    ``preview``: whose variant changes; None where the flag is new, goes, or its rules stay.
    """

    flag: str
    environment: str
    differences: tuple[Difference, ...]
    preview: TargetingPreview | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What applying a document changes. ``digest`` names the document and what it was compared with.

    ``others``: of what is no flag, by subject. ``absent``: flags that are served but not in the document.
    ``approvals``: changed environments where a change needs so many. ``notes``: what no document can carry.
    """

    project: str
    digest: str
    flags: tuple[FlagChange, ...]
    others: tuple[tuple[str, tuple[Difference, ...]], ...]
    absent: tuple[str, ...]
    approvals: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Nothing to do."""
        return not self.flags and not self.others


class PlanOutdated(Conflict):
    """The project or the document is not the one that was planned."""

    def __init__(self, project: str) -> None:
        super().__init__(f"project {project!r}", 0, 0, {})
        self.args = (
            f"project {project!r} or the document changed since that plan; look at a new plan first",
        )

    def details(self) -> dict[str, Any]:
        return {"field": "expect"}


def make_plan(session: Session, by: By, doc: ProjectDoc, *, prune: bool = False) -> Plan:
    """What ``apply_document`` would change; the session must be a rehearsal's, and is spoilt afterwards.

    Whether enough people approve is only told. Invalid, Conflict, Locked: why applying would be refused.
    """
    return _carried_out(session, replace(by, approvals=MOST_APPROVERS), doc, prune=prune, expect=None)


def apply_document(
    session: Session, by: By, doc: ProjectDoc, *, prune: bool = False, expect: str | None = None
) -> Plan:
    """Bring the project to what the document says, all or nothing; what was changed.

    Nothing to change leaves no trace. PlanOutdated: the plan of digest ``expect`` was of something else.
    Invalid: with the path in the document. ApprovalRequired, Locked.
    """
    plan = _carried_out(session, by, doc, prune=prune, expect=expect)
    if not plan.is_empty:
        details = {"digest": plan.digest, "flags": sorted({each.flag for each in plan.flags})[:100]}
        trace(session, by, Action.APPLY_PROJECT, doc.project, details)
    return plan


def _carried_out(session: Session, by: By, doc: ProjectDoc, *, prune: bool, expect: str | None) -> Plan:
    before = read_project(session, doc.project)
    if before.project is not None:
        _lock(session, doc.project, before)
        before = read_project(session, doc.project)
    digest = _digest(before, doc, prune=prune)
    if expect is not None and expect != digest:
        raise PlanOutdated(doc.project)
    Applying(session=session, by=by, doc=doc, stored=before, prune=prune).run()
    after = read_project(session, doc.project)
    flags, others = tuple(_flag_changes(before, after)), tuple(_other_changes(before, after))
    return Plan(
        project=doc.project,
        digest=digest,
        flags=flags,
        others=others,
        absent=absent_flags(doc, before),
        approvals=_approvals(before, after),
        notes=tuple(_notes(doc, before)),
    )


def _lock(session: Session, project: str, stored: Stored) -> None:
    open_project(session, project)
    for place in sorted(stored.places.values(), key=lambda each: each.environment.id):
        open_environment(session, project, place.environment.key)


def _digest(stored: Stored, doc: ProjectDoc, *, prune: bool) -> str:
    text = f"{stored.fingerprint()} {doc.model_dump_json()} {prune}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _flag_changes(before: Stored, after: Stored) -> Iterator[FlagChange]:
    old, new = {**before.flags, **before.archived}, {**after.flags, **after.archived}
    for key in sorted(new):
        if old.get(key) != new[key]:
            yield from _flag(key, old.get(key), new[key])


def _flag(key: str, before: FlagDetail | None, after: FlagDetail) -> Iterator[FlagChange]:
    labels = tuple(_labels(before, after))
    if labels:
        yield FlagChange(flag=key, environment="", differences=labels)
    olds = {} if before is None else {each.environment: each for each in before.states}
    for state in after.states:
        old = olds.get(state.environment)
        was = None if before is None or old is None else served(before.flag, old)
        becomes = served(after.flag, state)
        found = differences(served_json(was), served_json(becomes))
        if found:
            told = None
            if old is not None and was is not None and becomes is not None:
                told = preview(old, state.default, state.rules)
            yield FlagChange(flag=key, environment=state.environment, differences=found, preview=told)


def _labels(before: FlagDetail | None, after: FlagDetail) -> Iterator[Difference]:
    if before is None:
        yield Difference(field="flag", before=None, after=after.flag.kind.value)
        return
    for field, change in flag_differences(before.flag, after.flag).items():
        if field == "variants":
            continue  # every environment tells its variants
        yield Difference(field=field, before=_text(change["before"]), after=_text(change["after"]))


def _other_changes(before: Stored, after: Stored) -> Iterator[tuple[str, tuple[Difference, ...]]]:
    if before.project is None:
        yield "project", (Difference(field="project", before=None, after=_key(after)),)
    for key, place in after.places.items():
        old = before.places.get(key)
        found = tuple(_place_changes(old, place))
        if found:
            yield key, found


def _place_changes(old: Surroundings | None, new: Surroundings) -> Iterator[Difference]:
    if old is None:
        yield Difference(field="environment", before=None, after=new.environment.name)
    was = {} if old is None else old.segments
    for key in sorted({*was, *new.segments}):
        before, after = was.get(key), new.segments.get(key)
        texts = [None if each is None else _segment_text(segment_json(each)) for each in (before, after)]
        if texts[0] != texts[1]:
            yield Difference(field=f"segments.{key}", before=texts[0], after=texts[1])
    layers = {} if old is None else old.seeds
    for key in sorted(layers.keys() ^ new.seeds.keys()):
        yield Difference(
            field=f"layers.{key}",
            before="there" if key in layers else None,
            after="there" if key in new.seeds else None,
        )
    holdout = 0 if old is None else old.environment.holdout
    if holdout != new.environment.holdout:
        yield Difference(
            field="holdout", before=f"{holdout / 1000:g} %", after=f"{new.environment.holdout / 1000:g} %"
        )


def _segment_text(plain: dict[str, Any]) -> str:
    return _text({name: value for name, value in plain.items() if value and name not in {"key", "version"}})


def _approvals(before: Stored, after: Stored) -> dict[str, int]:
    """Environments whose rulesets change and that ask for approvals."""
    return {
        key: place.environment.required_approvers
        for key, place in before.places.items()
        if place.environment.required_approvers
        and place.environment.revision != after.places[key].environment.revision
    }


def _notes(doc: ProjectDoc, stored: Stored) -> Iterator[str]:
    if stored.project is not None and (doc.name or doc.project) != stored.project.name:
        yield f"the project keeps its name {stored.project.name!r}"
    for key, environment in doc.environments.items():
        place = stored.places.get(key)
        if place is not None and (environment.name or key) != place.environment.name:
            yield f"{key} keeps its name {place.environment.name!r}"
        for name, segment in environment.segments.items():
            known = place.segments.get(name) if place else None
            for side in ("included", "excluded"):
                count = getattr(segment, f"{side}_units")
                stays = getattr(known, f"{side}_count", 0)
                if getattr(segment, side) is None and count != stays:
                    yield (
                        f"{key}: segment {name} had {count} units listed as {side} where it was exported "
                        f"and has {stays} here; lists are kept hashed and cannot be copied, "
                        f"give them as `{side}:`"
                    )


def _key(stored: Stored) -> str:
    return "" if stored.project is None else stored.project.key


def _text(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
