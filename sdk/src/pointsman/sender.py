"""Gets events to the server: batches fixed once, sent until somebody answers for them."""

import os
import zlib
from collections import deque
from collections.abc import Callable
from random import SystemRandom
from time import monotonic
from typing import TYPE_CHECKING, Final

from pointsman.backoff import Clock, full_jitter, retry_after_s
from pointsman.batch import Batch, read_receipt
from pointsman.core.events import Event, encode_batch, encode_event
from pointsman.errors import CodecError, Unreachable
from pointsman.messages import Answer, Request
from pointsman.outbox import Loss, Marker, Outbox
from pointsman.usage import Told, Usage
from pointsman.version import VERSION

if TYPE_CHECKING:
    from pointsman.transport import Transport

# One batch the server chokes on must not hold up the others; more than this many in flight is no use.
_MOST_PENDING: Final = 4
# The server takes 5 MB unpacked; a batch is closed before its last event could pass that.
_CLOSE_AT_BYTES: Final = 4_000_000
_GZIP: Final = 31  # zlib's name for the gzip format with the largest window
_ANSWER_LIMIT: Final = 1_000_000


class Sender:
    """Forms batches from the outbox and sends them; used by one thread at a time."""

    def __init__(
        self,
        outbox: Outbox,
        *,
        instance: str,
        batch_size: int,
        linger_s: float,
        backoff_s: float,
        usage: Usage | None = None,
        usage_every_s: float = 60.0,
        device: str = "",
        revision: Callable[[], int | None] = lambda: None,
        clock: Clock = monotonic,
    ) -> None:
        self._outbox: Final = outbox
        self._instance: Final = instance
        self._batch_size: Final = batch_size
        self._linger_s: Final = linger_s
        self._backoff_s: Final = backoff_s
        self._clock: Final = clock
        self._random: Final = SystemRandom()
        self._usage: Final = usage or Usage()
        self._usage_every_s: Final = usage_every_s
        self._device: Final = device
        self._revision: Final = revision
        self._usage_due = clock() + self._random.uniform(0.5, 1.0) * usage_every_s
        self._usage_wanted = self._usage_last = False
        self._forming = False
        self._gathered = 0
        self._linger: float | None = None
        self._closed_until = 0.0
        self._asked_until = 0.0
        self._waiting: list[tuple[Marker, set[str]]] = []
        self.pending: deque[Batch] = deque()
        self.failures = 0
        """Attempts in a row that failed; 0 once one succeeds."""
        self.problem: str | None = None
        self.sent = self.accepted = self.rejected = self.batches = self.retries = 0

    @property
    def is_idle(self) -> bool:
        """Whether every event submitted so far has been dealt with.

        Asked without a lock, in the order events travel: queue, forming, pending. So none slips by unseen.
        """
        return self._outbox.is_empty and not self._forming and not self.pending and not self._usage_last

    def tell_usage(self) -> None:
        """Tell now how often variants were chosen, for this is the last chance; ``is_idle`` says when."""
        self._usage_wanted = self._usage_last = True

    @property
    def unsent(self) -> int:
        """Events in the batch being formed, and in batches that nobody has answered for yet."""
        return self._gathered + sum(batch.count for batch in tuple(self.pending))

    def hurry(self) -> None:
        """Try again now, whatever the plan was; only a Retry-After of the server is still heeded."""
        now = self._clock()
        self._closed_until = now
        for batch in self.pending:
            batch.due = now

    def step(self, transport: "Transport") -> bool:
        """Send one batch if one is due. True: it is dealt with, call again at once."""
        now = self._clock()
        if self._outbox.is_awaited:
            self._linger = now
        elif self._linger is None and not self._outbox.is_empty:
            self._linger = now + self._linger_s
        if now >= self._usage_due:
            self._usage_due = now + self._random.uniform(0.5, 1.0) * self._usage_every_s
            self._usage_wanted = True
        if self._usage_wanted:
            self._linger = now
        if now < max(self._closed_until, self._asked_until):
            return False
        batch = self._next(now)
        return batch is not None and self._attempt(batch, transport)

    def due(self) -> float | None:
        """When there will be something to do; None: when the outbox rings."""
        moments = [batch.due for batch in self.pending]
        if self._linger is not None and len(self.pending) < _MOST_PENDING:
            moments.append(self._linger)
        moments.append(self._usage_due)
        return max(min(moments), self._closed_until, self._asked_until)

    def _next(self, now: float) -> Batch | None:
        ready = next((batch for batch in self.pending if batch.due <= now), None)
        if ready or len(self.pending) >= _MOST_PENDING:
            return ready
        lingered = self._linger is not None and self._linger <= now
        return self._form() if lingered or self._outbox.is_full_batch else None

    def _form(self) -> Batch | None:
        self._forming = True
        try:
            return self._form_batch()
        finally:
            self._forming = False
            self._gathered = 0

    def _form_batch(self) -> Batch | None:
        self._outbox.look()
        self._linger = None
        batch = os.urandom(16).hex()
        events, markers = self._gather()
        evaluations = self._evaluations()
        if events or evaluations:
            body = encode_batch(
                batch,
                sdk=f"python/{VERSION}",
                instance=self._instance,
                dropped=self._outbox.losses(),
                events=events,
                evaluations=evaluations,
                device=self._device,
                revision=self._revision(),
            )
            formed = Batch(id=batch, body=zlib.compress(body, 6, _GZIP), count=len(events))
            self._gathered = 0
            self.pending.append(formed)
            self.batches += 1
        open_batches = {waiting.id for waiting in self.pending}
        self._waiting += [(marker, set(open_batches)) for marker in markers]
        self._release()
        return self.pending[-1] if events or evaluations else None

    def _evaluations(self) -> Told:
        if not self._usage_wanted:
            return {}
        self._usage_wanted = self._usage_last = False
        return self._usage.take()

    def _gather(self) -> tuple[list[bytes], list[Marker]]:
        events: list[bytes] = []
        markers: list[Marker] = []
        size = 0
        while len(events) < self._batch_size and size < _CLOSE_AT_BYTES:
            entry = self._outbox.take()
            if entry is None:
                break
            if isinstance(entry, Marker):
                markers.append(entry)
                continue
            encoded = self._encode(entry)
            if encoded:
                events.append(encoded)
                size += len(encoded)
                self._gathered = len(events)
        return events, markers

    def _encode(self, event: Event) -> bytes | None:
        try:
            return encode_event(event)
        except CodecError as error:
            self._outbox.lose(Loss.INVALID, str(error))
            return None

    def _attempt(self, batch: Batch, transport: "Transport") -> bool:
        self.retries += batch.attempts > 0
        batch.attempts += 1
        pause_s = 0.0
        try:
            answer = transport.ask(_request(batch))
            pause_s = retry_after_s(answer.headers.get("retry-after"))
            self._settle(batch, answer)
        except Unreachable as error:
            now = self._clock()
            self.failures += 1
            self.problem = str(error)
            self._asked_until = now + pause_s
            self._closed_until = now + full_jitter(self._random, self.failures, self._backoff_s)
            batch.due = now + full_jitter(self._random, batch.attempts, self._backoff_s)
            return False
        self.failures = 0
        self.problem = None
        return True

    def _settle(self, batch: Batch, answer: Answer) -> None:
        receipt = read_receipt(answer, batch)
        self.pending.remove(batch)
        if receipt.refused:
            self._outbox.lose(Loss.REFUSED, receipt.reason or "", batch.count)
        else:
            self.sent += batch.count
            self.accepted += receipt.accepted
            if receipt.rejected and not self.rejected:
                self._outbox.notices.append(f"the server rejected an event: {receipt.reason}")
            self.rejected += receipt.rejected
        for _, batches in self._waiting:
            batches.discard(batch.id)
        self._release()

    def _release(self) -> None:
        for marker, batches in self._waiting:
            if not batches:
                marker.reached.set()
        self._waiting = [(marker, batches) for marker, batches in self._waiting if batches]


def _request(batch: Batch) -> Request:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    return Request(method="POST", path="/v1/events", headers=headers, body=batch.body, limit=_ANSWER_LIMIT)
