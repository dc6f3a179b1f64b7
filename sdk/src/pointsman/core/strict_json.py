"""JSON in which no object has the same key twice."""

import json
from typing import Any, Final

from pointsman.errors import CodecError


def parse(body: bytes) -> object:
    """The value these bytes spell. CodecError: not JSON in UTF-8, or an object with the same key twice."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique)
    except CodecError:
        raise
    except (ValueError, RecursionError) as error:
        raise unreadable(error) from error


def scan(spelled: str, at: int) -> tuple[Any, int]:
    """The value that begins exactly here, and where it ends. CodecError as of ``parse``."""
    try:
        return _DECODER.raw_decode(spelled, at)
    except CodecError:
        raise
    except (ValueError, RecursionError) as error:
        raise unreadable(error) from error


def unreadable(error: Exception) -> CodecError:
    """What is said of a ruleset that is no JSON."""
    return CodecError("ruleset", f"is not readable JSON ({error})")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise CodecError("ruleset", "holds an object with the same key twice")
    return members


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique)
