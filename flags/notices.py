"""Tells the stream servers through Redis that something was published, once it is committed.

Only a nudge: they look at the database as they do anyway every second, just sooner. So a Redis that is lost,
or was never there, costs no notice, and none is sent for what was rolled back.
"""

import logging
from typing import Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import event
from sqlalchemy.orm import Session

from flags import metrics
from runtime.database import Database

log = logging.getLogger("pointsman.flags")

CHANNEL: Final = "pointsman:published"
_PUBLISHED: Final = "pointsman.published"
_TIMEOUT_S: Final = 0.25


def mark(session: Session) -> None:
    """Remember that this transaction publishes something."""
    session.info[_PUBLISHED] = True


def nudge_after_commits(database: Database, redis_url: str | None) -> None:
    """From now on every commit that published something is told to the stream servers."""
    if redis_url is None:
        return
    redis = Redis.from_url(
        redis_url,
        socket_timeout=_TIMEOUT_S,
        socket_connect_timeout=_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),
    )

    def committed(session: Session) -> None:
        if session.info.pop(_PUBLISHED, False):
            _nudge(redis)

    event.listen(database.writers, "after_commit", committed)


def _nudge(redis: Redis) -> None:
    try:
        redis.publish(CHANNEL, b"")
    except RedisError as error:
        metrics.NUDGES.labels("failed").inc()
        log.warning("Redis cannot tell of a change; the streams will see it within a second: %s", error)
    else:
        metrics.NUDGES.labels("sent").inc()
