"""Projects and environments."""

from flask import Response
from flask_openapi3.models.tag import Tag

from flags import queries, service
from flags.web.api.answers import EnvironmentOut, EnvironmentsOut, ProjectOut, ProjectsOut, answer
from flags.web.api.blueprint import ProjectAt, blueprint
from flags.web.api.bodies import EnvironmentIn, ProjectIn
from flags.web.state import by
from runtime.web.state import state

_TAGS = [Tag(name="projects", description="Projects and their environments")]


@blueprint.get("/projects", tags=_TAGS, responses={200: ProjectsOut})
def list_projects() -> Response:
    """Every project, by key."""
    with state().database.reading() as session:
        found = queries.list_projects(session)
    return answer(ProjectsOut(projects=[ProjectOut.of(each) for each in found]))


@blueprint.post("/projects", tags=_TAGS, responses={201: ProjectOut})
def create_project(body: ProjectIn) -> Response:
    """A new project with the environments dev, staging and prod."""
    with state().database.session() as session:
        made = service.create_project(session, by(), body.key, name=body.name, description=body.description)
    return answer(ProjectOut.of(made), 201)


@blueprint.get("/projects/<project>", tags=_TAGS, responses={200: ProjectOut})
def get_project(path: ProjectAt) -> Response:
    """One project."""
    with state().database.reading() as session:
        return answer(ProjectOut.of(queries.get_project(session, path.project)))


@blueprint.get("/projects/<project>/environments", tags=_TAGS, responses={200: EnvironmentsOut})
def list_environments(path: ProjectAt) -> Response:
    """A project's environments, in the order they were made."""
    with state().database.reading() as session:
        found = queries.list_environments(session, path.project)
    return answer(EnvironmentsOut(environments=[EnvironmentOut.of(each) for each in found]))


@blueprint.post("/projects/<project>/environments", tags=_TAGS, responses={201: EnvironmentOut})
def create_environment(path: ProjectAt, body: EnvironmentIn) -> Response:
    """A new environment in which every flag is off."""
    with state().database.session() as session:
        made = service.create_environment(session, by(), path.project, body.key, name=body.name)
    return answer(EnvironmentOut.of(made), 201)
