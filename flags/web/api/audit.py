"""The audit log, for auditors and their programs."""

from datetime import UTC, datetime
from typing import Annotated

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import AwareDatetime, BaseModel, Field, JsonValue

from flags.limits import MOST_ROWS
from flags.validation import check_text, refuse
from flags.web.api.answers import answer
from flags.web.api.blueprint import Address, blueprint
from runtime import audit
from runtime.audit_export import Format, lines
from runtime.web.state import state

_TAGS = [Tag(name="audit", description="Who did what, chained by hashes")]
MOST_EXPORTED = 10_000
_MIMES = {Format.CSV: "text/csv", Format.JSONL: "application/jsonl"}
_TEXT_CHARACTERS = 300


class AuditQuery(Address):
    """Which entries; everything left out asks for nothing."""

    subject: str = Field("", description="This subject, such as demo/prod, and what lies under it")
    actor: str = Field("", description="The name of who did it")
    action: str = Field("", description="An action such as flag.toggle, or its noun")
    since: AwareDatetime | None = None
    before: Annotated[int, Field(ge=1, le=MOST_ROWS)] | None = Field(None, description="Lower positions only")
    limit: Annotated[int, Field(ge=1, le=audit.MOST_AT_ONCE)] = 100

    def wanted(self) -> audit.AuditFilter:
        """As the log takes it. Invalid: text nobody could have written."""
        return wanted(self.subject, self.actor, self.action, since=self.since, before=self.before)


class ExportQuery(Address):
    """Which entries to export, the oldest first; go on ``after`` the last position."""

    subject: str = ""
    actor: str = ""
    action: str = ""
    since: AwareDatetime | None = None
    after: Annotated[int, Field(ge=0, le=MOST_ROWS)] | None = Field(None, description="Higher positions only")
    format: Format = Format.JSONL


class AuditEntryOut(BaseModel):
    """One entry and its place in the chain."""

    position: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, JsonValue]
    hash: str


class AuditOut(BaseModel):
    """Entries, the newest first."""

    entries: list[AuditEntryOut]


@blueprint.get("/audit", tags=_TAGS, responses={200: AuditOut})
def list_audit(query: AuditQuery) -> Response:
    """Entries of the audit log, the newest first."""
    with state().database.reading() as session:
        found = audit.browse(session, query.wanted(), limit=query.limit)
    return answer(AuditOut(entries=[_out(each) for each in found]))


@blueprint.get(
    "/audit/export",
    tags=_TAGS,
    responses={200: {"content": {mime: {"schema": {"type": "string"}} for mime in _MIMES.values()}}},
)
def export_audit(query: ExportQuery) -> Response:
    """Up to 10,000 entries as JSON lines or CSV, the oldest first."""
    asked = wanted(query.subject, query.actor, query.action, since=query.since, after=query.after)
    return export(asked, query.format)


def export(asked: audit.AuditFilter, spelled: Format) -> Response:
    """The entries as a file to save."""
    with state().database.reading() as session:
        body = "".join(lines(audit.stream(session, asked, limit=MOST_EXPORTED), spelled))
    answered = Response(body, mimetype=_MIMES[spelled])
    answered.headers["Content-Disposition"] = f"attachment; filename=audit.{spelled.value}"
    return answered


def wanted(
    subject: str,
    actor: str,
    action: str,
    *,
    since: datetime | None = None,
    before: int | None = None,
    after: int | None = None,
) -> audit.AuditFilter:
    """What somebody asks for, as the log takes it. Invalid: names the field."""
    for field, text in (("subject", subject), ("actor", actor), ("action", action)):
        refuse(check_text(field, text, most=_TEXT_CHARACTERS))
    return audit.AuditFilter(
        subject=subject,
        actor=actor,
        action=action,
        since=None if since is None else since.astimezone(UTC),
        before=before,
        after=after,
    )


def _out(entry: audit.AuditEntry) -> AuditEntryOut:
    return AuditEntryOut(
        position=entry.position or 0,
        at=entry.at,
        actor=str(entry.actor),
        action=entry.action,
        subject=entry.subject,
        details=dict(entry.details),
        hash=entry.hash or "",
    )
