"""Which project and environment a page is about, and who is looking."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import render_template, request, url_for
from sqlalchemy.orm import Session

from flags import queries
from flags.model import EnvironmentView
from runtime.web.auth import require_actor

Address = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What every page inside a project shows around itself."""

    project: str
    environment: str
    environments: tuple[EnvironmentView, ...]
    revision: int
    address: Address
    """The same page in another environment."""


def place(session: Session, project: str, environment: str, *, elsewhere: str | None = None) -> Place:
    """The place of this request. NotFound: no such project or environment.

    ``elsewhere``: the endpoint that other environments' tabs lead to, where this very page is not there.
    """
    found = queries.get_environment(session, project, environment)
    endpoint = request.endpoint or "flag_pages.project_list"
    arguments = dict(request.view_args or {})

    def address(key: str) -> str:
        if elsewhere is not None and key != environment:
            return url_for(elsewhere, project=project, environment=key)
        return url_for(endpoint, **{**arguments, "environment": key})

    return Place(
        project=project,
        environment=environment,
        environments=queries.list_environments(session, project),
        revision=found.revision,
        address=address,
    )


def page(template: str, **values: object) -> str:
    """Render a page for the signed-in person."""
    return render_template(template, actor=require_actor(), **values)
