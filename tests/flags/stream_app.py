"""What the stream tests' server process runs: the real application with short waits."""

import os

from starlette.applications import Starlette

from flags.web.stream import StreamLimits, create_stream
from runtime.database import Database

SIGNING_KEY = "for tests"
MOST_PER_KEY = 60


def stream() -> Starlette:
    """Built by granian in its own process."""
    limits = StreamLimits(
        look_every_s=float(os.environ.get("TEST_LOOK_EVERY_S", "0.05")),
        heartbeat_s=0.2,
        most_per_key=MOST_PER_KEY,
    )
    return create_stream(
        Database(os.environ["TEST_DATABASE_URL"]),
        signing_key=SIGNING_KEY,
        redis_url=os.environ.get("TEST_REDIS_URL"),
        growthbook=frozenset({"demo/prod"}),
        limits=limits,
    )
