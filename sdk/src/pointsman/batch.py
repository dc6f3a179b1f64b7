"""A batch of events and what the server said about it."""

import json
from dataclasses import dataclass
from typing import Final

from pointsman.errors import Unreachable
from pointsman.messages import Answer

# The key may be renewed, the proxy mended, the server upgraded: these answers are not about the events.
_RETRIED: Final = frozenset({401, 403, 408, 425, 429})


@dataclass(slots=True, kw_only=True)
class Batch:
    """``id`` and ``body`` are fixed for good: the server counts each id once, however often it is sent."""

    id: str
    body: bytes
    count: int
    attempts: int = 0
    due: float = 0.0
    """Not before this moment of the steady clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a batch's events."""

    accepted: int
    rejected: int
    refused: bool
    """The whole batch was refused for good."""
    reason: str | None
    """Why the first rejected event, or the batch, was turned away."""


def read_receipt(answer: Answer, batch: Batch) -> Receipt:
    """What the answer says of this batch. Unreachable: nothing final, so the batch is to be sent again.

    An answer of 200 that does not name the batch (a sign-in page, a proxy's greeting) acknowledges nothing.
    """
    if answer.status == 200:
        return _acknowledged(_members(answer.body), batch)
    if 400 <= answer.status < 500 and answer.status not in _RETRIED:
        reason = f"the server answered {answer.status}: {_complaint(_members(answer.body))}"
        return Receipt(accepted=0, rejected=0, refused=True, reason=reason)
    raise Unreachable(f"the server answered {answer.status} to a batch")


def _acknowledged(members: dict[str, object], batch: Batch) -> Receipt:
    accepted = members.get("accepted")
    if members.get("batch") != batch.id or not isinstance(accepted, int):
        raise Unreachable("the answer to a batch does not acknowledge it")
    accepted = min(max(accepted, 0), batch.count)
    results = members.get("results")
    reasons = [text for text in results if text != "ok"] if isinstance(results, list) else []
    return Receipt(
        accepted=accepted,
        rejected=batch.count - accepted,
        refused=False,
        reason=f"{reasons[0]!s:.200}" if reasons else None,
    )


def _complaint(members: dict[str, object]) -> str:
    error = members.get("error")
    return f"{error!r:.200}" if error else "without saying why"


def _members(body: bytes) -> dict[str, object]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}
