"""The flag pages: projects, flags, and switching them."""

from datetime import UTC, datetime, timedelta
from typing import Final

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from flags import queries, service
from flags.changes.model import Proposal
from flags.inventory import USED_DAYS, recent_use
from flags.model import FlagAt, FlagEdit, FlagView, NewFlag
from flags.registry import freeze
from flags.web.pages.blueprint import blueprint
from flags.web.pages.changes import propose
from flags.web.pages.forms import (
    VariantRow,
    moves_of,
    rows_of_variants,
    schema_of,
    scheme_of,
    text_of_schema,
    variant_rows,
    variants_of,
    version_of,
)
from flags.web.pages.links import links_of, text_of_links
from flags.web.pages.present import Enrolled, around_words, asks, flag_line, rule_line, variant_cards
from flags.web.place import page, place
from flags.web.state import by, flags_state
from pointsman.core.model import Kind, Scheme
from runtime import audit
from runtime.errors import Conflict, Invalid
from runtime.urgent import announced
from runtime.web.state import state

KINDS: Final = tuple((kind.value, kind.value) for kind in (Kind.MODEL, *(k for k in Kind if k != Kind.MODEL)))
PER_PAGE: Final = 50
SCHEMES: Final = tuple(
    (scheme.value, scheme.value) for scheme in (Scheme.POINTSMAN, Scheme.GROWTHBOOK_V2, Scheme.GROWTHBOOK_V1)
)
STICKY: Final = (("no", "no: buckets alone decide"), ("yes", "yes: enrolled units stay"))
_FIRST_ROWS: Final = 3
_NEW_FIELDS: Final = (
    "key",
    "name",
    "description",
    "kind",
    "unit_type",
    "scheme",
    "sticky",
    "schema",
)


@blueprint.get("/")
def front() -> ResponseReturnValue:
    """The flags of the first project, in the environment that serves users."""
    with state().database.reading() as session:
        projects = queries.list_projects(session)
        if not projects:
            return redirect(url_for("flag_pages.project_list"))
        environments = queries.list_environments(session, projects[0].key)
    return redirect(
        url_for("flag_pages.flag_list", project=projects[0].key, environment=environments[-1].key)
    )


@blueprint.get("/projects")
def project_list() -> ResponseReturnValue:
    """Every project with its environments."""
    return _projects()


@blueprint.post("/projects")
def create_project() -> ResponseReturnValue:
    """Make a project."""
    key, name = request.form.get("key", "").strip(), request.form.get("name", "").strip()
    try:
        with state().database.session() as session:
            service.create_project(session, by(), key, name=name)
    except Invalid as error:
        return _projects(error), 422
    return redirect(url_for("flag_pages.flag_list", project=key, environment="prod"), 303)


def _projects(error: Invalid | None = None) -> str:
    with state().database.reading() as session:
        projects = [
            (each, queries.list_environments(session, each.key)) for each in queries.list_projects(session)
        ]
    form = {"key": request.form.get("key", ""), "name": request.form.get("name", "")}
    return page("flags/projects.html", section="projects", projects=projects, form=form, error=error)


@blueprint.get("/p/<project>/<environment>/flags")
def flag_list(project: str, environment: str) -> ResponseReturnValue:
    """Flags as they stand in one environment."""
    query = request.args.get("q", "").strip()
    offset = request.args.get("offset", 0, type=int)
    with state().database.reading() as session:
        here = place(session, project, environment)
        found = queries.list_flags(session, project, search=query, limit=PER_PAGE, offset=offset)
    end = found.offset + len(found.items)
    return page(
        "flags/list.html",
        section="flags",
        place=here,
        query=query,
        lines=[flag_line(detail, environment) for detail in found.items],
        first=found.offset + 1,
        last=end,
        total=found.total,
        earlier=max(0, found.offset - PER_PAGE) if found.offset else None,
        later=end if end < found.total else None,
    )


@blueprint.route("/p/<project>/<environment>/flags/new", methods=["GET", "POST"])
def new_flag(project: str, environment: str) -> ResponseReturnValue:
    """The form of a new flag, and making it."""
    form, error = request.form, None
    rows = variant_rows(form)
    if form.get("press") == "save":
        try:
            kind = _kind(form.get("kind", ""))
            new = NewFlag(
                key=form.get("key", "").strip(),
                name=form.get("name", "").strip(),
                description=form.get("description", ""),
                kind=kind,
                variants=freeze(kind, variants_of(rows, kind), flags_state().registry),
                unit_type=form.get("unit_type", "user").strip(),
                scheme=scheme_of(form.get("scheme", "")),
                sticky=form.get("sticky") == "yes",
                schema=schema_of(form.get("schema", "")) or None,
            )
            with state().database.session() as session:
                service.create_flag(session, by(), project, new)
        except Invalid as problem:
            error = _on_form(problem, rows)
        else:
            flash(f"{new.key} is made. It is switched off everywhere until you switch it on.", "good")
            return _to_flag(project, environment, new.key)
    with state().database.reading() as session:
        here = place(session, project, environment)
    shown = _with_empty(rows, _FIRST_ROWS if not rows else len(rows) + 2)
    shell = {name: form.get(name, "") for name in _NEW_FIELDS}
    body = page(
        "flags/new.html",
        section="flags",
        place=here,
        form=shell,
        rows=shown,
        kinds=KINDS,
        schemes=SCHEMES,
        sticky_options=STICKY,
        error=error,
    )
    return body, 422 if error else 200


@blueprint.get("/p/<project>/<environment>/flags/<flag>")
def show_flag(project: str, environment: str, flag: str) -> ResponseReturnValue:
    """One flag: who gets what here, its variants, its history."""
    with state().database.reading() as session:
        here = place(session, project, environment)
        detail = queries.get_flag(session, project, flag)
        revisions = queries.list_revisions(session, project, environment, flag=flag, limit=20)
        at = FlagAt(project, environment, flag)
        counts = queries.count_assignments(session, at) if detail.flag.sticky else {}
        used = recent_use(session, detail, days=USED_DAYS, now=datetime.now(UTC))
        required = queries.get_environment(session, project, environment).required_approvers
    enrolled = [Enrolled(variant=name, units=units) for name, units in sorted(counts.items())]
    found = detail.state(environment)
    variants = tuple(detail.flag.variants)
    return page(
        "flags/show.html",
        section="flags",
        place=here,
        flag=detail.flag,
        state=found,
        rules=[rule_line(rule, variants) for rule in found.rules],
        around=around_words(found),
        asks=asks(found),
        cards=variant_cards(detail.flag),
        enrolled=enrolled,
        revisions=revisions,
        used={} if detail.flag.archived_at else used,
        required=required,
        base_url=state().settings.base_url,
        sample_default=_sample_default(detail.flag.kind, found.off, detail.flag.variants.get(found.off)),
    )


@blueprint.post("/p/<project>/<environment>/flags/<flag>/toggle")
def toggle_flag(project: str, environment: str, flag: str) -> ResponseReturnValue:
    """Switch a flag on or off in one environment."""
    enabled = request.form.get("enabled") == "yes"
    database = state().database
    with announced(database, urgent=not enabled), database.session() as session:
        service.set_enabled(
            session,
            by(),
            FlagAt(project, environment, flag),
            enabled=enabled,
            expected_version=version_of(request.form.get("version", "")),
        )
    flash(f"{flag} is {'on' if enabled else 'off'} in {environment}.", "good")
    return _to_flag(project, environment, flag)


@blueprint.route("/p/<project>/<environment>/flags/<flag>/edit", methods=["GET", "POST"])
def edit_flag(project: str, environment: str, flag: str) -> ResponseReturnValue:
    """Name, description and variants of a flag."""
    with state().database.reading() as session:
        here = place(session, project, environment)
        stored = queries.get_flag(session, project, flag).flag
    form, error, conflict = request.form, None, None
    rows = variant_rows(form) if form else rows_of_variants(stored.variants, stored.kind)
    version = form.get("version", str(stored.version))
    if form.get("press") in ("save", "propose"):
        try:
            edit = FlagEdit(
                name=form.get("name", "").strip(),
                description=form.get("description", ""),
                variants=freeze(stored.kind, variants_of(rows, stored.kind), flags_state().registry),
                unit_type=form.get("unit_type", stored.unit_type).strip(),
                sticky=form.get("sticky", "yes" if stored.sticky else "no") == "yes",
                schema=schema_of(form.get("schema", "")),
                moves=moves_of(form.get("moves", "")),
                tags=tuple(form.get("tags", "").split()),
                owner=form.get("owner", "").strip(),
                links=links_of(form.get("links", "")),
            )
            if form["press"] == "propose":
                at = FlagAt(project, environment, flag)
                return propose(at, _proposed(stored, edit), form.get("reason", ""))
            with state().database.session() as session:
                service.edit_flag(
                    session,
                    by(form.get("reason", "")),
                    project,
                    flag,
                    edit,
                    expected_version=version_of(version),
                )
        except Invalid as problem:
            error = _on_form(problem, rows)
        except Conflict as problem:
            conflict, version = problem, str(problem.actual)
        else:
            return _to_flag(project, environment, flag)
    shell = {
        "version": version,
        "name": form.get("name", stored.name),
        "description": form.get("description", stored.description),
        "tags": form.get("tags", " ".join(stored.tags)),
        "owner": form.get("owner", stored.owner),
        "links": form.get("links", text_of_links(stored.links)),
        "reason": form.get("reason", ""),
        "unit_type": form.get("unit_type", stored.unit_type),
        "sticky": form.get("sticky", "yes" if stored.sticky else "no"),
        "schema": form.get("schema", text_of_schema(stored.schema)),
        "moves": form.get("moves", ""),
    }
    body = page(
        "flags/edit.html",
        section="flags",
        place=here,
        flag=stored,
        form=shell,
        rows=_with_empty(rows, len(rows) + 2),
        sticky_options=STICKY,
        error=error,
        conflict=conflict,
    )
    return body, 409 if conflict else 422 if error else 200


@blueprint.post("/p/<project>/<environment>/flags/<flag>/archive")
def archive_flag(project: str, environment: str, flag: str) -> ResponseReturnValue:
    """Archive a flag, or bring it back."""
    version = version_of(request.form.get("version", ""))
    with state().database.session() as session:
        if request.form.get("archived") != "yes":
            service.restore_flag(session, by(), project, flag, expected_version=version)
        else:
            sure = request.form.get("confirm", "").strip() == flag
            since = None if sure else datetime.now(UTC).date() - timedelta(days=USED_DAYS)
            service.archive_flag(
                session, by(), project, flag, expected_version=version, unless_used_since=since
            )
    return _to_flag(project, environment, flag)


@blueprint.get("/p/<project>/<environment>/history")
def history(project: str, environment: str) -> ResponseReturnValue:
    """Every change of an environment's ruleset, and the audit log."""
    with state().database.reading() as session:
        here = place(session, project, environment)
        revisions = queries.list_revisions(session, project, environment, limit=50)
        entries = audit.entries(session, subject=project, limit=50)
    return page("flags/history.html", section="history", place=here, revisions=revisions, entries=entries)


def _to_flag(project: str, environment: str, flag: str) -> ResponseReturnValue:
    return redirect(url_for("flag_pages.show_flag", project=project, environment=environment, flag=flag), 303)


def _proposed(stored: FlagView, edit: FlagEdit) -> Proposal:
    """What of an edit serves anybody; words about the flag need no approval."""
    return Proposal(
        variants=edit.variants,
        sticky=None if edit.sticky == stored.sticky else edit.sticky,
        unit_type=None if edit.unit_type == stored.unit_type else edit.unit_type,
        moves=edit.moves or None,
    )


def _kind(text: str) -> Kind:
    if text not in list(Kind):
        raise Invalid("kind", "choose one of the list")
    return Kind(text)


def _on_form(error: Invalid, rows: tuple[VariantRow, ...]) -> Invalid:
    """The same problem, on the form's field: ``variants.v1.model`` is the payload of v1's line."""
    head, _, rest = error.field.partition(".")
    if head == "variants" and rest:
        for number, row in enumerate(rows):
            if rest == row.name or rest.startswith(f"{row.name}."):
                return Invalid(f"variant-{number}-payload", f"{rest}: {error.problem}")
    return error


def _with_empty(rows: tuple[VariantRow, ...], count: int) -> tuple[VariantRow, ...]:
    return rows + (VariantRow(),) * max(0, count - len(rows))


def _sample_default(kind: Kind, variant: str, payload: object) -> str:
    return repr(variant if kind in (Kind.MODEL, Kind.JSON) else payload)
