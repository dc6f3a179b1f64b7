"""Reads, as views. Nothing here writes, so any of them may run in a reading session."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from flags.assignments import Assignment, UnitView
from flags.earlier import EarlierSplit, newest_epoch, taken
from flags.encoding import segment_json
from flags.entry import unit_problem
from flags.filters import wrongly_in
from flags.forgetting import ForgetRequest, unit_digest
from flags.labels import read_search
from flags.layering import layer_view
from flags.limits import MOST_ROWS, NAME_CHARACTERS
from flags.model import (
    EnvironmentView,
    FlagAt,
    FlagDetail,
    FlagState,
    FlagView,
    LayerView,
    Page,
    ProjectView,
    Revision,
    RulesetId,
    SdkAccess,
    SdkKeyView,
    SegmentView,
)
from flags.storage import (
    assignments,
    flags,
    forgets,
    keys,
    layers,
    places,
    revisions,
    segments,
    states,
    unit_sets,
)
from flags.validation import check_text, refuse
from pointsman.core.model import Json, Rule
from runtime.errors import Invalid, NotFound, Unauthenticated
from runtime.tokens import fingerprint

MOST_AT_ONCE: Final = 1_000


def list_projects(session: Session) -> tuple[ProjectView, ...]:
    """Every project, by key."""
    return places.projects(session)


def get_project(session: Session, key: str) -> ProjectView:
    """One project. NotFound."""
    project = places.project(session, key)
    if project is None:
        raise NotFound("project", key)
    return project


def list_environments(session: Session, project: str) -> tuple[EnvironmentView, ...]:
    """A project's environments, in the order they were made. NotFound (the project)."""
    get_project(session, project)
    return places.environments(session, project)


def get_environment(session: Session, project: str, environment: str) -> EnvironmentView:
    """One environment. NotFound."""
    found = places.environment(session, project, environment)
    if found is None:
        get_project(session, project)
        raise NotFound("environment", f"{project}/{environment}")
    return found


def list_flags(
    session: Session,
    project: str,
    *,
    search: str = "",
    archived: bool = False,
    limit: int = 100,
    offset: int = 0,
) -> Page[FlagDetail]:
    """Flags by key, with their states. NotFound (the project).

    ``search`` is part of a key or name, and ``tag:…`` or ``owner:…`` among other words.

    ``limit`` above 1,000 means 1,000.
    """
    refuse(check_text("search", search, most=NAME_CHARACTERS))
    get_project(session, project)
    page = flags.page(
        session,
        project,
        search=read_search(search),
        archived=archived,
        limit=max(0, min(limit, MOST_AT_ONCE)),
        offset=max(0, min(offset, MOST_ROWS)),
    )
    found = states.states_of(session, [flag.id for flag in page.items])
    details = tuple(FlagDetail(flag=flag, states=found.get(flag.id, ())) for flag in page.items)
    return Page(items=details, total=page.total, offset=page.offset)


def every_flag(session: Session, project: str) -> tuple[FlagDetail, ...]:
    """Every flag of a project, archived or not, with its states. NotFound (the project)."""
    get_project(session, project)
    found = flags.all_flags(session, project)
    by_flag = states.states_of(session, [flag.id for flag in found])
    return tuple(FlagDetail(flag=flag, states=by_flag.get(flag.id, ())) for flag in found)


def get_flag(session: Session, project: str, flag: str) -> FlagDetail:
    """One flag, archived or not, with its states. NotFound."""
    found = _flag(session, project, flag)
    return FlagDetail(flag=found, states=states.states_of(session, [found.id]).get(found.id, ()))


def get_state(session: Session, at: FlagAt) -> FlagState:
    """How one flag serves in one environment. NotFound."""
    environment = get_environment(session, at.project, at.environment)
    return states.state(session, _flag(session, at.project, at.flag).id, environment.id)


def list_segments(session: Session, project: str, environment: str) -> tuple[SegmentView, ...]:
    """An environment's segments, by key. NotFound."""
    return segments.segments(session, get_environment(session, project, environment))


def get_segment(session: Session, project: str, environment: str, key: str) -> SegmentView:
    """One segment. NotFound."""
    found = segments.segment(session, get_environment(session, project, environment), key)
    if found is None:
        raise NotFound("segment", f"{project}/{environment}/{key}")
    return found


def list_layers(session: Session, project: str, environment: str) -> tuple[LayerView, ...]:
    """An environment's layers by key, and who has room in each. NotFound."""
    at = get_environment(session, project, environment)
    using = {key: state.rules for key, state in states.with_references(session, at.id, "layer").items()}
    return tuple(
        layer_view(at, each.id, each.key, each.name, each.seed, using) for each in layers.layers(session, at)
    )


def get_layer(session: Session, project: str, environment: str, key: str) -> LayerView:
    """One layer. NotFound."""
    for layer in list_layers(session, project, environment):
        if layer.key == key:
            return layer
    raise NotFound("layer", f"{project}/{environment}/{key}")


def get_unit(session: Session, project: str, unit: str) -> UnitView:
    """Everything remembered of a unit in a project. NotFound (the project), Invalid (the unit)."""
    get_project(session, project)
    if problem := unit_problem(unit):
        raise Invalid("unit", problem)
    return UnitView(
        unit=unit,
        assignments=assignments.of_unit(session, project, unit),
        changes=assignments.changes_of_unit(session, project, unit),
    )


def list_forgotten(
    session: Session,
    project: str,
    *,
    unit: str | None = None,
    before: int | None = None,
    limit: int = MOST_AT_ONCE,
) -> tuple[ForgetRequest, ...]:
    """Requests to forget a unit, the newest first; only those with a lower id than ``before``.

    NotFound (the project), Invalid (the unit).
    """
    get_project(session, project)
    if unit is not None and (problem := unit_problem(unit)):
        raise Invalid("unit", problem)
    digest = None if unit is None else unit_digest(unit)
    most = max(0, min(limit, MOST_AT_ONCE))
    return forgets.of_project(session, project, digest=digest, before=before, limit=most)


def open_forget_requests(
    session: Session, *, cleared_before: datetime, limit: int
) -> tuple[ForgetRequest, ...]:
    """The oldest requests of every project that wait, or were cleared by then and are not done."""
    return forgets.open_requests(session, cleared_before=cleared_before, limit=limit)


def waiting_to_be_forgotten(session: Session) -> tuple[int, datetime | None]:
    """How many requests are not done, and when the oldest of them was made."""
    return forgets.waiting(session)


def forgotten_since(
    session: Session, environment_ids: Collection[int], since: datetime
) -> dict[int, dict[str, datetime]]:
    """By environment and unit digest, when each unit last asked to be forgotten, if not before ``since``."""
    return forgets.asked_since(session, environment_ids, since)


def list_assignments(
    session: Session, at: FlagAt, *, after: int = 0, limit: int = MOST_AT_ONCE
) -> tuple[Assignment, ...]:
    """Who is enrolled with a flag, in the order of enrolment, beyond a row id. NotFound."""
    state = get_state(session, at)
    state_id = states.id_of(session, state.flag_id, state.environment_id)
    return assignments.of_flag(session, state_id, after=after, limit=max(0, min(limit, MOST_AT_ONCE)))


def stored_variants(session: Session, at: FlagAt, units: Sequence[str]) -> dict[str, str]:
    """The variants these units keep; those never enrolled are absent. Enrolls nobody. NotFound."""
    state = get_state(session, at)
    state_id = states.id_of(session, state.flag_id, state.environment_id)
    return assignments.variants_of(session, state_id, units)


def count_assignments(session: Session, at: FlagAt) -> dict[str, int]:
    """How many units keep each variant of a sticky flag. NotFound."""
    state = get_state(session, at)
    return assignments.counts(session, states.id_of(session, state.flag_id, state.environment_id))


def newest_assignment(session: Session) -> int:
    """The newest assignment's row id; 0: none. It grows with every enrolment."""
    return assignments.newest_anywhere(session)


def environments_with_late(session: Session, after: int) -> frozenset[int]:
    """Environments where an old epoch enrolled somebody since, counted by row ids."""
    return assignments.environments_with_late(session, after)


def earlier_split(session: Session, at: FlagAt, rule: Rule) -> EarlierSplit | None:
    """What an earlier split of this rule still decides; None: nothing, there was none. NotFound."""
    state = get_state(session, at)
    kept = [each.kept for each in state.kept]
    epoch = newest_epoch(kept, rule.id)
    if epoch is None:
        return None
    digests = frozenset(digest for each in kept for digest in each.units)
    bodies = unit_sets_in(session, state.environment_id, digests)
    found = revisions.began(session, state.environment_id, state.flag_id, epoch)
    # A new holdout opens epochs without a revision of the flag's own; it keeps every unit of the rule, so
    # all that must be known is that they were there before.
    newest = get_environment(session, at.project, at.environment).revision
    revision, began = found or (newest, datetime.now(UTC))
    return EarlierSplit(
        revision=revision,
        began=began,
        taken=taken(kept, rule, lambda digest: wrongly_in(bodies[digest]) if digest in bodies else 0.0),
    )


def stored_of_unit(session: Session, environment_id: int, unit: str) -> dict[str, str]:
    """The variant that a unit keeps with each sticky flag of an environment; empty for what is no unit."""
    return {} if unit_problem(unit) else assignments.of_unit_in(session, environment_id, unit)


def has_due_switches(session: Session, at: EnvironmentView, now: int) -> bool:
    """Whether a flag there has a switch whose instant (seconds since 1970) has come."""
    waiting = states.with_switches(session, at.id).values()
    return any(each.at <= now for state in waiting for each in state.switches)


def unit_set(session: Session, access: SdkAccess, digest: str) -> bytes:
    """A unit set of the environment an SDK key opens. NotFound."""
    found = unit_sets.body(session, access.environment_id, digest) if len(digest) == 64 else None
    if found is None:
        raise NotFound("unit set", digest[:64])
    return found


def unit_sets_in(session: Session, environment_id: int, digests: frozenset[str]) -> dict[str, bytes]:
    """Those of the unit sets that are there, by digest."""
    return unit_sets.bodies(session, environment_id, digests) if digests else {}


def current_ruleset(session: Session, at: EnvironmentView) -> RulesetId:
    """Which ruleset an environment serves now."""
    return places.ruleset_id(session, at.id)


def unit_sets_of(session: Session, access: SdkAccess, digests: frozenset[str]) -> dict[str, bytes]:
    """Those of the unit sets that are there, by digest."""
    return unit_sets_in(session, access.environment_id, digests)


def list_sdk_keys(session: Session, project: str, environment: str) -> tuple[SdkKeyView, ...]:
    """An environment's keys, the newest first, revoked ones included. NotFound."""
    return keys.keys(session, get_environment(session, project, environment))


def list_revisions(
    session: Session,
    project: str,
    environment: str,
    *,
    flag: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> tuple[Revision, ...]:
    """Changes of an environment, newest first; of one flag and below a revision where given. NotFound."""
    at = get_environment(session, project, environment)
    if flag is not None:
        _flag(session, project, flag)
    below = None if before is None else max(0, min(before, MOST_ROWS))
    return revisions.revisions(session, at, flag=flag, before=below, limit=max(0, min(limit, MOST_AT_ONCE)))


def around_version(session: Session, revision: Revision) -> int:
    """What ``revert_around`` expects for a revision of what is no flag, as that stands now. NotFound."""
    at = get_environment(session, revision.project, revision.environment)
    if revision.subject == "holdout":
        return at.holdout
    found = segments.segment(session, at, revision.subject.partition(":")[2])
    return 0 if found is None else found.version


def around_now(session: Session, revision: Revision) -> dict[str, Json] | None:
    """How the subject of such a revision stands now, as the history spells it; None: it is gone. NotFound."""
    at = get_environment(session, revision.project, revision.environment)
    if revision.subject == "holdout":
        return {"holdout": at.holdout}
    found = segments.segment(session, at, revision.subject.partition(":")[2])
    return None if found is None else segment_json(found)


def get_revision(session: Session, project: str, environment: str, number: int) -> Revision:
    """One change. NotFound."""
    at = get_environment(session, project, environment)
    found = revisions.revision(session, at, number) if 0 < number <= MOST_ROWS else None
    if found is None:
        raise NotFound("revision", f"{project}/{environment}/{number}")
    return found


def authenticate(session: Session, secret: str | None) -> SdkAccess:
    """What an SDK key opens, and which ruleset is current there, in one indexed query.

    Unauthenticated: no secret, unknown, or revoked.
    """
    access = None if not secret else keys.access(session, fingerprint(secret))
    if access is None:
        raise Unauthenticated("send a live SDK key of this environment as 'Authorization: Bearer psk_…'")
    return access


def access_of_key(session: Session, key_id: int) -> SdkAccess:
    """What a live key opens, by its id: for who proved otherwise to hold it. Unauthenticated: revoked."""
    access = keys.access_by_id(session, key_id)
    if access is None:
        raise Unauthenticated("the key behind this address is revoked")
    return access


def live_revisions(session: Session) -> dict[int, int]:
    """The revision each live SDK key's environment is at, by the key's id."""
    return keys.live_revisions(session)


def _flag(session: Session, project: str, key: str) -> FlagView:
    found = flags.flag(session, project, key)
    if found is None:
        get_project(session, project)
        raise NotFound("flag", f"{project}/{key}")
    return found
