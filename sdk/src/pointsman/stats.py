"""What a client has done so far, in numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts since this client began in this process; a forked child begins at zero."""

    ready: bool
    """A ruleset is there, from the server or the disk."""
    revision: int | None
    """The revision that answers now."""
    queued: int
    """Events waiting, in the queue, in the batch being formed or in batches nobody has answered for yet;
    0 once the client has ended: what it could not send is then dropped, as unsent."""
    sent: int
    """Events the server has acknowledged: accepted + rejected."""
    accepted: int
    rejected: int
    """Events the server looked at and would not keep."""
    dropped: dict[str, int]
    """Events that will never arrive, by cause: queue_full, invalid, refused, closed, unsent, offline."""
    ignored: int
    """Exposures of choices that are errors: no variant was assigned, so there is nothing to tell."""
    batches: int
    """Batches formed."""
    retries: int
    """Sendings of a batch beyond its first."""
    polls: int
    poll_errors: int
    rulesets_refused: int
    """Answers that held no readable ruleset, or an older one."""
    cache_errors: int
    """The ruleset's file could not be read or written."""
    internal_errors: int
    """Faults of the client itself, caught and survived. Please report them."""
    problem: str | None
    """What stands in the way right now, in words."""
