"""A flag back from the wire form that revisions keep. Pure."""

import json
from typing import Any

from pointsman.core.flag_codec import read_flag
from pointsman.core.model import Flag
from pointsman.errors import CodecError
from runtime.errors import Invalid


def read_served(key: str, snapshot: dict[str, Any]) -> Flag:
    """The flag that was served so. Invalid: no SDK of today could read it (it was broken then)."""
    try:
        return read_flag(key, json.loads(json.dumps(snapshot)))
    except CodecError as error:
        raise Invalid("revision", f"holds a flag that cannot be served: {error}") from None
