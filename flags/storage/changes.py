"""Change requests and approvals: reading, adding, and changing on condition of a version."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from flags.changes.encoding import proposal_from_json, proposal_to_json
from flags.changes.model import OVER, Approval, ChangeRequest, ChangeState
from flags.model import EnvironmentView, FlagAt, Page
from flags.storage.change_tables import ChangeApprovalRow, ChangeRequestRow
from flags.storage.tables import EnvironmentRow, FlagRow, ProjectRow
from runtime.actors import Actor, ActorKind


def add(
    session: Session, request: ChangeRequest, *, environment_id: int, flag_id: int | None
) -> ChangeRequest:
    """The new request under an id of its own; the given one is not looked at."""
    row = ChangeRequestRow(
        environment_id=environment_id,
        flag_id=flag_id,
        subject=request.proposal.subject or "",
        author_kind=request.author.kind.value,
        author=request.author.name,
        version=request.version,
        created_at=request.created_at,
        **_columns(request),
    )
    session.add(row)
    session.flush()
    return _view(row, request.at, ())


def find(session: Session, at: EnvironmentView, number: int) -> ChangeRequest | None:
    """One request of the environment, as the database has it now."""
    query = _requests().where(ChangeRequestRow.environment_id == at.id, ChangeRequestRow.id == number)
    return next(iter(_views(session, query)), None)


def page(
    session: Session,
    at: EnvironmentView,
    *,
    states: Iterable[ChangeState],
    flag: str | None,
    limit: int,
    offset: int,
) -> Page[ChangeRequest]:
    """The environment's requests in those states (none given: in any), the newest first."""
    query = _requests().where(ChangeRequestRow.environment_id == at.id)
    wanted = [each.value for each in states]
    if wanted:
        query = query.where(ChangeRequestRow.state.in_(wanted))
    if flag is not None:
        query = query.where(FlagRow.key == flag)
    total = session.scalars(select(func.count()).select_from(query.subquery())).one()
    some = query.order_by(ChangeRequestRow.id.desc()).limit(limit).offset(offset)
    return Page(items=tuple(_views(session, some)), total=total, offset=offset)


def due(session: Session, *, now: datetime, limit: int) -> tuple[ChangeRequest, ...]:
    """Scheduled requests whose instant has come, the longest waiting first."""
    query = _requests().where(
        ChangeRequestRow.state == ChangeState.SCHEDULED.value, ChangeRequestRow.publish_at <= now
    )
    ordered = query.order_by(ChangeRequestRow.publish_at, ChangeRequestRow.id).limit(limit)
    return tuple(_views(session, ordered))


def proposed_sets(session: Session, at: EnvironmentView) -> frozenset[str]:
    """Digests of the unit sets that requests about segments, not published or withdrawn, refer to."""
    query = _requests().where(
        ChangeRequestRow.environment_id == at.id,
        ChangeRequestRow.flag_id.is_(None),
        ChangeRequestRow.state.not_in([each.value for each in OVER]),
    )
    segments = (each.proposal.segment for each in _views(session, query))
    return frozenset(
        digest for each in segments if each is not None for digest in (*each.included, *each.excluded)
    )


def save(session: Session, request: ChangeRequest, *, expected_version: int) -> bool:
    """Write the request with the next version; False: it is no longer at the expected one."""
    changed = session.execute(
        update(ChangeRequestRow)
        .where(ChangeRequestRow.id == request.id, ChangeRequestRow.version == expected_version)
        .values(**_columns(request), version=expected_version + 1)
        .returning(ChangeRequestRow.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    return changed is not None


def approve(session: Session, request: ChangeRequest, approval: Approval) -> None:
    """Write one consent. IntegrityError: this person has approved this draft."""
    session.add(
        ChangeApprovalRow(
            request_id=request.id,
            draft=approval.draft,
            actor=approval.actor,
            note=approval.note,
            at=approval.at,
        )
    )
    session.flush()


def _columns(request: ChangeRequest) -> dict[str, Any]:
    return {
        "state": request.state.value,
        "reason": request.reason,
        "writers": list(request.writers),
        "proposal": proposal_to_json(request.proposal),
        "base_state": request.base_state,
        "base_flag": request.base_flag,
        "draft": request.draft,
        "changed_at": request.changed_at,
        "publish_at": request.publish_at,
        "published_revision": request.published_revision,
        "failure": request.failure,
    }


def _requests() -> Select[ChangeRequestRow, str, str, str]:
    return (
        select(
            ChangeRequestRow,
            ProjectRow.key,
            EnvironmentRow.key,
            func.coalesce(FlagRow.key, ChangeRequestRow.subject),
        )
        .join(EnvironmentRow, EnvironmentRow.id == ChangeRequestRow.environment_id)
        .join(ProjectRow, ProjectRow.id == EnvironmentRow.project_id)
        .outerjoin(FlagRow, FlagRow.id == ChangeRequestRow.flag_id)
        .execution_options(populate_existing=True)
    )


def _views(session: Session, query: Select[ChangeRequestRow, str, str, str]) -> tuple[ChangeRequest, ...]:
    rows = session.execute(query).all()
    approvals: dict[int, list[Approval]] = {}
    asked = select(ChangeApprovalRow).where(ChangeApprovalRow.request_id.in_([row[0].id for row in rows]))
    for each in session.scalars(asked.order_by(ChangeApprovalRow.id)):
        found = Approval(actor=each.actor, draft=each.draft, note=each.note, at=each.at)
        approvals.setdefault(each.request_id, []).append(found)
    return tuple(
        _view(row, FlagAt(project, environment, flag), tuple(approvals.get(row.id, ())))
        for row, project, environment, flag in rows
    )


def _view(row: ChangeRequestRow, at: FlagAt, approvals: tuple[Approval, ...]) -> ChangeRequest:
    return ChangeRequest(
        id=row.id,
        at=at,
        state=ChangeState(row.state),
        reason=row.reason,
        author=Actor(ActorKind(row.author_kind), row.author),
        writers=tuple(row.writers),
        proposal=proposal_from_json(row.proposal),
        base_state=row.base_state,
        base_flag=row.base_flag,
        draft=row.draft,
        version=row.version,
        created_at=row.created_at,
        changed_at=row.changed_at,
        publish_at=row.publish_at,
        published_revision=row.published_revision,
        failure=row.failure,
        approvals=approvals,
    )
