"""A whole project as one document: export, plan, apply. The same document as the YAML of the command line."""

import json

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field, StrictBool, StrictStr

from flags.code import promoting
from flags.code.document import ProjectDoc
from flags.code.planning import Plan, apply_document, make_plan
from flags.code.reading import frozen
from flags.code.stored import export
from flags.code.telling import lines_of
from flags.revisions import Difference
from flags.web.api.answers import answer
from flags.web.api.blueprint import Address, ProjectAt, blueprint
from flags.web.api.bodies import Body, Reason
from flags.web.state import by, flags_state
from runtime.errors import Invalid
from runtime.web.state import state

_TAGS = [Tag(name="code", description="A whole project as one document")]


class ExportQuery(Address):
    """Which environments to export; all if none is named."""

    environment: list[str] = Field(default_factory=list)


class PlanIn(Body):
    """A document to compare with."""

    document: ProjectDoc
    prune: StrictBool = Field(False, description="Archive flags that the document does not name")


class ApplyIn(PlanIn):
    """A document to bring the project to."""

    expect: StrictStr | None = Field(None, description="Digest of the plan you saw; 409 if it is outdated")
    reason: Reason = ""


class PromotionIn(Body):
    """What to copy where."""

    source: StrictStr = Field(description="The environment to copy from")
    target: StrictStr = Field(description="The environment to copy to")
    flags: list[StrictStr] = Field(default_factory=list, description="Only these; all if none is named")


class PromoteIn(PromotionIn):
    """Copying itself."""

    expect: StrictStr | None = Field(None, description="Digest of the plan you saw; 409 if it is outdated")
    reason: Reason = ""


class ProposeIn(PromotionIn):
    """Copying where it needs approvals."""

    reason: Reason = ""


class ProposedOut(BaseModel):
    """The change requests that were opened and submitted, by flag."""

    changes: dict[str, int]


class PlannedDifferenceOut(BaseModel):
    """One thing that changes."""

    field: str
    before: str | None
    after: str | None


class FlagChangeOut(BaseModel):
    """What changes of a flag; ``moved``: the most of 100,000 buckets that move under any one rule."""

    flag: str
    environment: str
    differences: list[PlannedDifferenceOut]
    moved: int | None


class PlanOut(BaseModel):
    """What a document changes."""

    project: str
    digest: str
    empty: bool
    flags: list[FlagChangeOut]
    others: dict[str, list[PlannedDifferenceOut]]
    absent: list[str]
    approvals: dict[str, int]
    notes: list[str]
    text: str

    @classmethod
    def of(cls, plan: Plan) -> "PlanOut":
        """The answer for a plan."""
        return cls(
            project=plan.project,
            digest=plan.digest,
            empty=plan.is_empty,
            flags=[
                FlagChangeOut(
                    flag=each.flag,
                    environment=each.environment,
                    differences=_differences(each.differences),
                    moved=None if each.preview is None else each.preview.moved,
                )
                for each in plan.flags
            ],
            others={subject: _differences(found) for subject, found in plan.others},
            absent=list(plan.absent),
            approvals=dict(plan.approvals),
            notes=list(plan.notes),
            text="\n".join(lines_of(plan)),
        )


@blueprint.get("/projects/<project>/export", tags=_TAGS, responses={200: ProjectDoc})
def export_project(path: ProjectAt, query: ExportQuery) -> Response:
    """The project's document, in a stable order."""
    with state().database.reading() as session:
        document = export(session, path.project, query.environment)
    return Response(json.dumps(document, ensure_ascii=False), mimetype="application/json")


@blueprint.post("/projects/<project>/plan", tags=_TAGS, responses={200: PlanOut})
def plan_project(path: ProjectAt, body: PlanIn) -> Response:
    """What applying the document would change and whose variant; nothing is written."""
    with state().database.rehearsing() as session:
        plan = make_plan(session, by(), _document(path, body), prune=body.prune)
    return answer(PlanOut.of(plan))


@blueprint.post("/projects/<project>/apply", tags=_TAGS, responses={200: PlanOut})
def apply_project(path: ProjectAt, body: ApplyIn) -> Response:
    """Bring the project to what the document says, all or nothing; again changes nothing."""
    document = _document(path, body)
    with state().database.session() as session:
        plan = apply_document(session, by(body.reason), document, prune=body.prune, expect=body.expect)
    return answer(PlanOut.of(plan))


@blueprint.post("/projects/<project>/promote/plan", tags=_TAGS, responses={200: PlanOut})
def plan_promotion(path: ProjectAt, body: PromotionIn) -> Response:
    """What copying flags from one environment to another would change; nothing is written."""
    with state().database.rehearsing() as session:
        plan = promoting.plan_promotion(session, by(), path.project, body.source, body.target, body.flags)
    return answer(PlanOut.of(plan))


@blueprint.post("/projects/<project>/promote", tags=_TAGS, responses={200: PlanOut})
def promote_flags(path: ProjectAt, body: PromoteIn) -> Response:
    """Copy how flags serve from one environment to another, all of them or none."""
    with state().database.session() as session:
        plan = promoting.promote(
            session,
            by(body.reason),
            path.project,
            body.source,
            body.target,
            body.flags,
            expect=body.expect,
        )
    return answer(PlanOut.of(plan))


@blueprint.post("/projects/<project>/promote/propose", tags=_TAGS, responses={201: ProposedOut})
def propose_promotion(path: ProjectAt, body: ProposeIn) -> Response:
    """Open a change request, submitted, for each flag that copying would change."""
    with state().database.session() as session:
        made = promoting.propose_promotion(
            session, by(body.reason), path.project, body.source, body.target, body.flags
        )
    return answer(ProposedOut(changes={each.at.flag: each.id for each in made}), 201)


def _document(path: ProjectAt, body: PlanIn) -> ProjectDoc:
    if body.document.project != path.project:
        raise Invalid("document.project", f"is not the {path.project!r} of the address")
    return frozen(body.document, flags_state().registry)


def _differences(found: tuple[Difference, ...]) -> list[PlannedDifferenceOut]:
    return [PlannedDifferenceOut(field=each.field, before=each.before, after=each.after) for each in found]
