"""The audit log as a page, and as a file."""

from typing import Final

from flask import request
from flask.typing import ResponseReturnValue

from flags.limits import MOST_ROWS
from flags.web.api.audit import export, wanted
from flags.web.pages.blueprint import blueprint
from flags.web.place import page
from runtime import audit
from runtime.audit_export import Format
from runtime.errors import Invalid
from runtime.web.state import state

_PER_PAGE: Final = 100


@blueprint.get("/audit")
def audit_log() -> ResponseReturnValue:
    """Who did what, the newest first; filtered by subject, actor and action."""
    typed = {name: request.args.get(name, "").strip() for name in ("subject", "actor", "action")}
    before = request.args.get("before", type=int)
    before = None if before is None else max(1, min(before, MOST_ROWS))
    error, entries = None, tuple[audit.AuditEntry, ...]()
    try:
        asked = wanted(typed["subject"], typed["actor"], typed["action"], before=before)
        with state().database.reading() as session:
            entries = audit.browse(session, asked, limit=_PER_PAGE + 1)
    except Invalid as problem:
        error = problem
    shown = entries[:_PER_PAGE]
    body = page(
        "flags/audit.html",
        section="audit",
        typed=typed,
        entries=shown,
        earlier=shown[-1].position if len(entries) > _PER_PAGE else None,
        error=error,
    )
    return body, 422 if error else 200


@blueprint.get("/audit/export")
def audit_export() -> ResponseReturnValue:
    """The filtered log as CSV or JSON lines, the oldest entry first."""
    args = request.args
    asked = wanted(args.get("subject", ""), args.get("actor", ""), args.get("action", ""))
    spelled = args.get("format", Format.CSV.value)
    if spelled not in list(Format):
        raise Invalid("format", "must be csv or jsonl")
    return export(asked, Format(spelled))
