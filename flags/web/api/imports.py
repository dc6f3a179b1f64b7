"""Importing another vendor's flags into an environment."""

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from flags import importing
from flags.importers.model import Finding, Outcome, Vendor
from flags.importers.vendors import mapped
from flags.importing import Action, Line, Plan
from flags.web.api.answers import answer
from flags.web.api.blueprint import EnvironmentAt, blueprint
from flags.web.api.bodies import ImportIn
from flags.web.state import by
from runtime.web.state import state

_TAGS = [Tag(name="imports", description="Other vendors' flags, moving nobody")]


class LineOut(BaseModel):
    """One flag or segment."""

    what: str
    key: str
    action: Action
    text: str

    @classmethod
    def of(cls, line: Line) -> "LineOut":
        """The line as it is answered."""
        return cls(what=line.what, key=line.key, action=line.action, text=line.text)


class FindingOut(BaseModel):
    """What became of one part of the document."""

    subject: str
    place: str
    outcome: Outcome
    text: str

    @classmethod
    def of(cls, finding: Finding) -> "FindingOut":
        """The finding as it is answered."""
        return cls(subject=finding.subject, place=finding.place, outcome=finding.outcome, text=finding.text)


class ImportOut(BaseModel):
    """What was done, or would be."""

    vendor: Vendor
    dry_run: bool
    lines: list[LineOut]
    findings: list[FindingOut]

    @classmethod
    def of(cls, plan: Plan, *, dry_run: bool) -> "ImportOut":
        """The plan as it is answered."""
        return cls(
            vendor=plan.found.vendor,
            dry_run=dry_run,
            lines=[LineOut.of(each) for each in plan.lines],
            findings=[FindingOut.of(each) for each in plan.found.findings],
        )


@blueprint.post(
    "/projects/<project>/environments/<environment>/imports", tags=_TAGS, responses={200: ImportOut}
)
def import_document(path: EnvironmentAt, body: ImportIn) -> Response:
    """Import a document, or say what importing it would do."""
    found = mapped(body.vendor, body.document, body.options)
    where = path.project, path.environment
    if body.dry_run:
        with state().database.reading() as session:
            done = importing.plan(session, *where, found, update=body.update)
    else:
        with state().database.session() as session:
            done = importing.carry_out(session, by(body.reason), *where, found, update=body.update)
    return answer(ImportOut.of(done, dry_run=body.dry_run))
