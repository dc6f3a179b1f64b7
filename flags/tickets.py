"""Short-lived rights to listen to the notices of one SDK key's environment, fit to stand in a URL. Pure.

A browser's EventSource can send no header, so the URL itself has to say who asks. A ticket opens nothing but
notices, ends by itself, and is worth nothing once its key is revoked.
"""

import hashlib
import hmac
from datetime import datetime
from typing import Final

from flags.limits import MOST_ROWS
from runtime.errors import Unauthenticated

# Rounded, so that all answers of an hour name the same URL and no client reconnects for nothing.
_HOUR_S: Final = 3_600
_LIFE_HOURS: Final = 12
_SIGNATURE_CHARACTERS: Final = 32


def ticket(signing_key: str, key_id: int, *, now: datetime) -> str:
    """A ticket for the holder of this key: good for 11 to 12 hours."""
    ends = (int(now.timestamp()) // _HOUR_S + _LIFE_HOURS) * _HOUR_S
    return f"{key_id}.{ends}.{_signature(signing_key, key_id, ends)}"


def key_of_ticket(signing_key: str, text: str, *, now: datetime) -> int:
    """The id of the key whose holder this is. Unauthenticated: not ours, changed, or over."""
    parts = text.split(".")
    if len(parts) == 3 and all(part.isascii() and part.isdecimal() and len(part) < 12 for part in parts[:2]):
        key_id, ends = int(parts[0]), int(parts[1])
        signed = hmac.compare_digest(
            parts[2].encode("utf-8", "surrogatepass"), _signature(signing_key, key_id, ends).encode()
        )
        if signed and now.timestamp() < ends and 0 < key_id <= MOST_ROWS:
            return key_id
    raise Unauthenticated("this address is too old; evaluate the flags again to get a new one")


def _signature(signing_key: str, key_id: int, ends: int) -> str:
    message = f"ofrep-stream:{key_id}:{ends}".encode()
    return hmac.new(signing_key.encode(), message, hashlib.sha256).hexdigest()[:_SIGNATURE_CHARACTERS]
