"""What the flags house counts, for Prometheus."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import event
from sqlalchemy.orm import Session

COMMANDS: Final = Counter("pointsman_flag_commands", "Commands committed by the flag service", ["command"])
RULESETS_SERVED: Final = Counter(
    "pointsman_rulesets_served", "Answers to ruleset requests, by HTTP status", ["status"]
)
EVALUATIONS: Final = Counter(
    "pointsman_ofrep_requests", "Evaluations asked for by OFREP, by result", ["result"]
)
COMPILE_SECONDS: Final = Histogram(
    "pointsman_ruleset_compile_seconds",
    "Time to compile a ruleset from SQL",
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0),
)
CACHE: Final = Counter(
    "pointsman_ruleset_cache", "Look-ups in ruleset caches, by tier and result", ["tier", "result"]
)
STREAMS_OPEN: Final = Gauge("pointsman_streams_open", "SDKs connected to the stream now")
NOTICES: Final = Counter("pointsman_stream_notices", "Revision notices sent to SDKs")
NUDGES: Final = Counter("pointsman_stream_nudges", "Changes told to the stream servers by Redis", ["result"])
WATCH_ERRORS: Final = Counter("pointsman_stream_watch_errors", "Looks at the revisions that failed")
REGISTRY: Final = Counter("pointsman_registry_lookups", "Aliases looked up in the model registry", ["result"])

ENROLLED: Final = Counter("pointsman_sticky_enrolled", "Units enrolled with sticky flags")
CROSSED: Final = Counter(
    "pointsman_sticky_crossed", "Exposures of enrolled units to another variant than the one they keep"
)


def count_enrolled(session: Session, units: int) -> None:
    """Count enrolled units once the caller's transaction has committed, and only then."""
    event.listen(session, "after_commit", lambda _session: ENROLLED.inc(units), once=True)


def count_crossed(session: Session, units: int) -> None:
    """Count units that crossed over once the caller's transaction has committed, and only then."""
    event.listen(session, "after_commit", lambda _session: CROSSED.inc(units), once=True)


def count_command(session: Session, command: str) -> None:
    """Count the command once the caller's transaction has committed, and only then."""

    def committed(_session: Session) -> None:
        COMMANDS.labels(command).inc()

    event.listen(session, "after_commit", committed, once=True)
