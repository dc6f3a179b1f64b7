"""The model registry, asked on behalf of a request; before its transaction, so that nobody waits for it."""

from collections.abc import Mapping

from flags import queries
from flags.registry import freeze
from flags.web.state import flags_state
from pointsman.core.model import Json
from runtime.web.state import state


def frozen_for(project: str, flag: str, variants: Mapping[str, Json]) -> dict[str, Json]:
    """New variants for an existing flag, aliases resolved. Invalid: names the field. NotFound."""
    with state().database.reading() as session:
        kind = queries.get_flag(session, project, flag).flag.kind
    return freeze(kind, variants, flags_state().registry)
