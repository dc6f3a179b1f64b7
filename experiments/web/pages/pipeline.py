"""The pipeline page: what came in, what waits, what was lost."""

from flask.typing import ResponseReturnValue

from experiments.events import instances, storage
from experiments.web.pages.blueprint import blueprint
from flags.queries import get_environment
from flags.web.place import page, place
from runtime.web.state import state


@blueprint.get("/p/<project>/<environment>/pipeline")
def pipeline(project: str, environment: str) -> ResponseReturnValue:
    """Events between the acknowledgement and the lake, and the processes that send them."""
    with state().database.reading() as session:
        here = place(session, project, environment)
        found = get_environment(session, project, environment)
        waiting = storage.backlog(session, found.id)
        senders = instances.of_environment(session, found.id)
    return page("experiments/pipeline.html", section="pipeline", place=here, backlog=waiting, senders=senders)
