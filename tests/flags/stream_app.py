"""What the stream tests' server process runs: the real application with short waits."""

import os

from starlette.applications import Starlette

from flags.web.stream import create_stream
from runtime.database import Database


def stream() -> Starlette:
    """Built by granian in its own process."""
    return create_stream(Database(os.environ["TEST_DATABASE_URL"]), look_every_s=0.05, heartbeat_s=0.2)
