"""The inventory as a page."""

from datetime import UTC, datetime
from typing import Final

from flask import request
from flask.typing import ResponseReturnValue

from flags.inventory import inventory
from flags.model import Page
from flags.web.pages.blueprint import blueprint
from flags.web.place import page, place
from flags.web.state import flags_state
from runtime.errors import Invalid
from runtime.web.state import state

_PER_PAGE: Final = 100


@blueprint.get("/p/<project>/<environment>/inventory")
def show_inventory(project: str, environment: str) -> ResponseReturnValue:
    """Which variants are live here, how old flags are, who meets them, and what looks stale."""
    query, stale = request.args.get("q", "").strip(), request.args.get("stale") == "yes"
    offset, error = request.args.get("offset", 0, type=int), None
    with state().database.reading() as session:
        here = place(session, project, environment)
        try:
            found = inventory(
                session,
                project,
                environment,
                opinions=flags_state().opinions,
                now=datetime.now(UTC),
                search=query,
                stale=stale,
                limit=_PER_PAGE,
                offset=offset,
            )
        except Invalid as problem:
            error, found = problem, Page(items=(), total=0, offset=0)
    end = found.offset + _PER_PAGE
    body = page(
        "flags/inventory.html",
        section="inventory",
        place=here,
        query=query,
        stale=stale,
        lines=found.items,
        total=found.total,
        earlier=max(0, found.offset - _PER_PAGE) if found.offset else None,
        later=end if end < found.total else None,
        error=error,
    )
    return body, 422 if error else 200
