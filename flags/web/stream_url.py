"""The address of the event stream that a bulk evaluation names."""

from datetime import UTC, datetime
from typing import Final

from flags.model import SdkAccess
from flags.tickets import ticket
from flags.web.ofrep import StreamUrl

STREAM_PATH: Final = "/ofrep/v1/stream"


def stream_urls(base: str | None, signing_key: str) -> StreamUrl:
    """Makes addresses under ``base``, each with a ticket of its own; None: none."""

    def url(access: SdkAccess) -> str | None:
        if base is None:
            return None
        return f"{base}{STREAM_PATH}?ticket={ticket(signing_key, access.key_id, now=datetime.now(UTC))}"

    return url
