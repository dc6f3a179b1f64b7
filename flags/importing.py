"""An import, put into an environment through the service: what it would do, and doing it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from sqlalchemy.orm import Session

from flags import queries, service
from flags.encoding import same_state
from flags.guards import By
from flags.importers.model import Import, ImportedFlag
from flags.model import FlagAt, FlagDetail, FlagEdit, FlagState, NewFlag, SegmentDraft, SegmentView, Targeting
from flags.payloads import Problem
from flags.validation import check_targeting, check_variants
from flags.world import World
from runtime.errors import Invalid, NotFound
from runtime.urgent import Lane

_FIRST_VERSION: Final = 1


class Action(StrEnum):
    """What an import does about one flag or segment."""

    CREATE = "create"
    UPDATE = "update"
    SAME = "already there"
    KEEP = "differs, kept"
    REFUSE = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One flag or segment, and what is done about it. ``text`` says why, where that is not plain."""

    what: str
    key: str
    action: Action
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an import would do, or has done."""

    found: Import
    lines: tuple[Line, ...]


def plan(session: Session, project: str, environment: str, found: Import, *, update: bool) -> Plan:
    """What importing would do; writes nothing. NotFound: no such environment."""
    queries.get_environment(session, project, environment)
    lines = [_segment_line(session, project, environment, each, update=update) for each in found.segments]
    segments = {each.key for each in queries.list_segments(session, project, environment)}
    segments |= {each.key for each in found.segments}
    variants: dict[str, frozenset[str]] = {}
    world = World(segments=frozenset(segments), variants=variants)
    known = _known_flags(session, project)
    for each in found.flags:
        line = _flag_line(session, project, environment, each, known.get(each.key), world, update=update)
        lines.append(line)
        if line.action is not Action.REFUSE:
            variants[each.key] = frozenset(each.variants)
    return Plan(found=found, lines=tuple(lines))


def carry_out(
    session: Session, by: By, project: str, environment: str, found: Import, *, update: bool
) -> Plan:
    """Import what the plan says, in the caller's transaction, and give the plan.

    Invalid, Locked, ApprovalRequired: as the service's commands. Busy: something urgent waits. Then nothing
    of it is to be committed.
    """
    planned = plan(session, project, environment, found, update=update)
    todo = {
        (line.what, line.key): line.action
        for line in planned.lines
        if line.action in (Action.CREATE, Action.UPDATE)
    }
    for segment in found.segments:
        _put_segment(session, by, project, environment, segment, todo.get(("segment", segment.key)))
    lane = Lane(session)
    wanted = [each for each in found.flags if ("flag", each.key) in todo]
    new = {key for (what, key), action in todo.items() if what == "flag" and action is Action.CREATE}
    for each in wanted:
        lane.give_way()
        if each.key in new:
            _create_flag(session, by, project, each)
        else:
            _edit_flag(session, by, project, each)
    # Nothing that is read here waits to be written but audit entries, and these are best written together.
    with session.no_autoflush:
        for each in (each for each in wanted if each.key in new):
            lane.give_way()
            _target(session, by, FlagAt(project, environment, each.key), each, is_new=True)
    for each in (each for each in wanted if each.key not in new):
        lane.give_way()
        _target(session, by, FlagAt(project, environment, each.key), each, is_new=False)
    return planned


def _segment_line(
    session: Session, project: str, environment: str, draft: SegmentDraft, *, update: bool
) -> Line:
    stored = _segment(session, project, environment, draft.key)
    if stored is None:
        return Line(what="segment", key=draft.key, action=Action.CREATE)
    same = (
        stored.conditions == draft.conditions
        and stored.included_count == len(set(draft.included or ()))
        and stored.excluded_count == len(set(draft.excluded or ()))
    )
    if same and not update:
        return Line(what="segment", key=draft.key, action=Action.SAME)
    return Line(what="segment", key=draft.key, action=Action.UPDATE if update else Action.KEEP)


def _flag_line(
    session: Session,
    project: str,
    environment: str,
    each: ImportedFlag,
    detail: FlagDetail | None,
    world: World,
    *,
    update: bool,
) -> Line:
    problems = [*check_variants(each.kind, each.variants), *_targeting_problems(each, world)]
    if problems:
        field, problem = problems[0]
        return _line(each, Action.REFUSE, f"{field} {problem}")
    if detail is None:
        return _line(each, Action.CREATE)
    if detail.flag.archived_at is not None:
        return _line(each, Action.REFUSE, "a flag of this key is archived; restore it first")
    if detail.flag.kind is not each.kind:
        return _line(each, Action.REFUSE, f"a flag of this key is of kind {detail.flag.kind}")
    state = detail.state(environment)
    if detail.flag.variants == each.variants and _serves_alike(session, project, state, each):
        return _line(each, Action.SAME)
    untouched = detail.flag.variants == each.variants and _is_untouched(state)
    return _line(each, Action.UPDATE if update or untouched else Action.KEEP)


def _targeting_problems(each: ImportedFlag, world: World) -> Iterator[Problem]:
    yield from check_targeting(each.targeting, each.key, each.variants, world)


def _line(each: ImportedFlag, action: Action, text: str = "") -> Line:
    return Line(what="flag", key=each.key, action=action, text=text)


def _serves_alike(session: Session, project: str, state: FlagState, each: ImportedFlag) -> bool:
    at = FlagAt(project, state.environment, each.key)
    try:
        after = service.drafted(session, at, state, _over(state, each))
    except Invalid:
        return False  # It needs what the import brings.
    return same_state(state, replace(after, enabled=each.enabled))


def _is_untouched(state: FlagState) -> bool:
    """Whether nobody ever said how the flag is to serve here."""
    return not (state.enabled or state.rules or state.overrides or state.requires)


def _over(state: FlagState, each: ImportedFlag) -> Targeting:
    """The targeting, with the ids of the stored rules that it only repeats."""
    rules = []
    for index, rule in enumerate(each.rules):
        stored = state.rules[index] if index < len(state.rules) else None
        alike = stored is not None and stored.hashing == rule.hashing and stored.gates == rule.gates
        rules.append(replace(rule, id=stored.id) if stored is not None and alike else rule)
    return replace(each.targeting, rules=tuple(rules))


def _put_segment(
    session: Session, by: By, project: str, environment: str, draft: SegmentDraft, action: Action | None
) -> None:
    if action is Action.CREATE:
        service.create_segment(session, by, project, environment, draft)
    elif action is Action.UPDATE:
        stored = queries.get_segment(session, project, environment, draft.key)
        service.edit_segment(session, by, project, environment, draft, expected_version=stored.version)


def _create_flag(session: Session, by: By, project: str, each: ImportedFlag) -> None:
    new = NewFlag(
        key=each.key,
        kind=each.kind,
        variants=each.variants,
        name=each.source[:200],
        description=each.description,
        off=each.off,
        default=each.default,
    )
    service.create_flag(session, by, project, new)


def _edit_flag(session: Session, by: By, project: str, each: ImportedFlag) -> None:
    flag = queries.get_flag(session, project, each.key).flag
    # Variants that only rules elsewhere serve stay.
    edit = FlagEdit(variants={**flag.variants, **each.variants})
    service.edit_flag(session, by, project, each.key, edit, expected_version=flag.version)


def _target(session: Session, by: By, at: FlagAt, each: ImportedFlag, *, is_new: bool) -> None:
    version, wanted = _FIRST_VERSION, each.targeting
    if not is_new:
        stored = queries.get_state(session, at)
        version, wanted = stored.version, _over(stored, each)
    state = service.set_targeting(session, by, at, wanted, expected_version=version)
    if state.enabled != each.enabled:
        service.set_enabled(session, by, at, enabled=each.enabled, expected_version=state.version)


def _known_flags(session: Session, project: str) -> dict[str, FlagDetail]:
    """Every flag of the project, archived ones too, by key."""
    return {each.flag.key: each for each in queries.every_flag(session, project)}


def _segment(session: Session, project: str, environment: str, key: str) -> SegmentView | None:
    try:
        return queries.get_segment(session, project, environment, key)
    except NotFound:
        return None
