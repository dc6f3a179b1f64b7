"""A flag back from the wire form that revisions keep. Pure."""

import json
from typing import Any

from pointsman.core.codec import FORMAT, CodecError, decode
from pointsman.core.model import Flag
from runtime.errors import Invalid


def read_served(key: str, snapshot: dict[str, Any]) -> Flag:
    """The flag that was served so. Invalid: no SDK of today could read it (it was broken then)."""
    document = {
        "format": FORMAT,
        "project": "p",
        "environment": "e",
        "revision": 0,
        "flags": {key: snapshot},
    }
    try:
        return decode(json.dumps(document, ensure_ascii=False).encode()).flags[key]
    except CodecError as error:
        raise Invalid("revision", f"holds a flag that cannot be served: {error}") from None
