"""A flag as revisions keep it, in wire form, and back. Pure."""

import json
from typing import Any, Final

from flags.encoding import served_json
from flags.model import FlagState
from pointsman.core.flag_codec import read_flag
from pointsman.core.model import Flag
from pointsman.errors import CodecError
from runtime.errors import Invalid

_BROKEN: Final = "broken"


def snapshot(flag: Flag | None, state: FlagState) -> dict[str, Any] | None:
    """The flag as it is served, for a revision; None: not served. What cannot be read of it is named."""
    found = served_json(flag)
    return {**found, _BROKEN: state.broken} if found is not None and state.broken else found


def read_served(key: str, snapshot: dict[str, Any]) -> Flag:
    """The flag that was served so. Invalid: no SDK of today could read it (it was broken then)."""
    if snapshot.get(_BROKEN):
        raise Invalid("revision", f"holds a flag of which {snapshot[_BROKEN]}; return to an earlier one")
    try:
        return read_flag(key, json.loads(json.dumps(snapshot)))
    except CodecError as error:
        raise Invalid("revision", f"holds a flag that cannot be served: {error}") from None
