"""Commands on a flag as it is in every environment: create, edit, archive, restore."""

from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy.orm import Session

from flags import limits
from flags.encoding import differences
from flags.guards import Action, By
from flags.labels import check_labels
from flags.model import FlagAt, FlagEdit, FlagState, FlagView, NewFlag, ProjectView
from flags.service.departures import refuse_asked, without
from flags.service.opening import (
    everywhere,
    flag_conflict,
    known_flag,
    open_flag,
    open_project,
    refuse_archived,
)
from flags.service.places import first_state
from flags.service.publishing import Step, publish, step, trace
from flags.service.surroundings import refuse_stranded
from flags.storage import flags, places, usage
from flags.validation import check_named, check_scheme, check_unit_type, check_variants, refuse
from runtime.errors import Invalid, Locked

# What of a flag stands in rulesets.
_SERVED: Final = frozenset({"variants", "unit_type", "sticky"})


def create_flag(session: Session, by: By, project: str, new: NewFlag) -> FlagView:
    """A new flag, switched off in every environment. Invalid: names the field; key taken. NotFound.

    Its salt is made of the keys, so that the same flag on two installations assigns alike; it never
    changes afterwards.
    """
    refuse(check_named(key=new.key, name=new.name, description=new.description))
    refuse(check_variants(new.kind, new.variants, new.schema))
    refuse(check_unit_type(new.unit_type))
    refuse(check_scheme(new))
    parent = open_project(session, project)
    _refuse_taken(session, parent, new.key)
    environments = places.environments(session, project, lock=True)
    salt = new.salt or f"{project}/{new.key}"
    flag = flags.add(session, parent, new, salt=salt, now=datetime.now(UTC))
    starts = [first_state(flag, each, off=new.off, default=new.default) for each in environments]
    steps = [Step(before=None, after=(flag, state)) for state in starts]
    published = publish(session, by, Action.CREATE_FLAG, steps)
    details = {"revisions": published, "kind": flag.kind.value, "variants": list(flag.variants)}
    trace(session, by, Action.CREATE_FLAG, everywhere(flag), details)
    return flag


def edit_flag(
    session: Session, by: By, project: str, flag: str, edit: FlagEdit, *, expected_version: int
) -> FlagView:
    """The flag with new name, labels or variants; an edit that changes nothing leaves no trace.

    Only new variants touch rulesets. Invalid: also for removing a variant that a rule still serves.
    NotFound, Conflict, Locked (archived, or a guard).
    """
    refuse(check_named(name=edit.name or "", description=edit.description or ""))
    refuse(check_unit_type(edit.unit_type) if edit.unit_type is not None else ())
    refuse(check_labels(edit))
    before, states = open_flag(session, project, flag, expected_version)
    refuse_archived(before)
    after = edited(before, edit)
    changed = differences(before, after)
    if not changed:
        return before
    refuse(check_variants(after.kind, after.variants, after.schema))
    gone = frozenset(before.variants.keys() - after.variants.keys())
    refuse_asked(session, before, states, gone)
    steps = [
        step(before, after, state, without(session, by, after, state, gone, edit.moves)) for state in states
    ]
    steps = steps if changed.keys() & _SERVED else []
    return _save(session, by, Action.EDIT_FLAG, before, after, steps)


def edited(before: FlagView, edit: FlagEdit) -> FlagView:
    """The flag with the edit's values, at the version it has."""
    return replace(
        before,
        name=before.name if edit.name is None else edit.name or before.key,
        description=before.description if edit.description is None else edit.description,
        variants=before.variants if edit.variants is None else dict(edit.variants),
        unit_type=before.unit_type if edit.unit_type is None else edit.unit_type,
        sticky=before.sticky if edit.sticky is None else edit.sticky,
        schema=before.schema if edit.schema is None else dict(edit.schema) or None,
        tags=before.tags if edit.tags is None else edit.tags,
        owner=before.owner if edit.owner is None else edit.owner,
        links=before.links if edit.links is None else edit.links,
    )


def archive_flag(
    session: Session,
    by: By,
    project: str,
    flag: str,
    *,
    expected_version: int,
    unless_used_since: date | None = None,
) -> FlagView:
    """The flag leaves every ruleset; its key and history stay. NotFound, Conflict.

    Locked: archived already, a guard, or used on or after the day ``unless_used_since``.
    """
    before, states = open_flag(session, project, flag, expected_version)
    refuse_archived(before)
    refuse_asked(session, before, states, None)
    if unless_used_since is not None:
        _refuse_used(session, before, states, unless_used_since)
    after = replace(before, archived_at=datetime.now(UTC))
    steps = [step(before, after, state) for state in states]
    return _save(session, by, Action.ARCHIVE_FLAG, before, after, steps)


def restore_flag(session: Session, by: By, project: str, flag: str, *, expected_version: int) -> FlagView:
    """An archived flag serves again exactly as it did. NotFound, Conflict, Locked (it is not archived)."""
    before, states = open_flag(session, project, flag, expected_version)
    if before.archived_at is None:
        raise Locked(everywhere(before), "it is not archived")
    for state in states:
        refuse_stranded(session, FlagAt(project, state.environment, flag), state)
    after = replace(before, archived_at=None)
    steps = [step(before, after, state) for state in states]
    return _save(session, by, Action.RESTORE_FLAG, before, after, steps)


def _refuse_used(session: Session, flag: FlagView, states: tuple[FlagState, ...], since: date) -> None:
    environments = {state.environment_id: state.environment for state in states}
    found = usage.totals(session, environments, flag=flag.key, since=since)
    used = [f"{environments[each.environment_id]}: {max(each.evaluations, each.exposures)}" for each in found]
    if used:
        raise Locked(
            everywhere(flag),
            f"it was used since {since} ({', '.join(used)}); applications that ask for it would get their "
            "own default. Archive it by force if that is meant",
        )


def _save(
    session: Session, by: By, action: Action, before: FlagView, after: FlagView, steps: list[Step]
) -> FlagView:
    published = publish(session, by, action, steps)
    values = {
        "name": after.name,
        "description": after.description,
        "variants": after.variants,
        "archived_at": after.archived_at,
        "unit_type": after.unit_type,
        "sticky": after.sticky,
        "schema": after.schema,
        "tags": flags.tags_to_text(after.tags),
        "owner": after.owner,
        "links": [asdict(link) for link in after.links],
    }
    if not flags.change(session, before.id, before.version, values):
        raise flag_conflict(known_flag(session, before.project, before.key), before.version)
    saved = replace(after, version=before.version + 1)
    details = {"revisions": published, "changed": differences(before, saved)}
    trace(session, by, action, everywhere(saved), details)
    return saved


def _refuse_taken(session: Session, project: ProjectView, key: str) -> None:
    taken = flags.flag(session, project.key, key)
    if taken is not None:
        which = "a flag" if taken.archived_at is None else "an archived flag"
        raise Invalid("key", f"{which} {key!r} exists in {project.key!r}; choose another key")
    if flags.count(session, project) >= limits.FLAGS_PER_PROJECT:
        raise Invalid("key", f"a project has at most {limits.FLAGS_PER_PROJECT} flags")
