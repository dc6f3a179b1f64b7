"""Sends what is spooled to the server above, until it has acknowledged each batch."""

import logging
import threading
from random import SystemRandom
from typing import Final

from prometheus_client import Counter

from pointsman.address import Address
from pointsman.backoff import full_jitter, retry_after_s
from pointsman.batch import Batch, read_receipt
from pointsman.errors import Unreachable
from pointsman.messages import Request
from pointsman.transport import Transport
from relay.spool import Spool, Spooled

log = logging.getLogger("pointsman.relay")

FORWARDED: Final = Counter("pointsman_relay_events", "Events handed to the server above", ["result"])
_TIMEOUT_S: Final = 30.0
_ANSWER_BYTES: Final = 4_000_000
_LONGEST_PAUSE_S: Final = 10.0
_LOOK_S: Final = 0.5


class Forwarder:
    """One thread. A batch that fails is tried again after the others, its id unchanged: it counts once."""

    def __init__(self, address: Address, key: str, spool: Spool) -> None:
        self._spool: Final = spool
        self._transport: Final = Transport(address, key, _TIMEOUT_S)
        self._random: Final = SystemRandom()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)
        self.problem: str | None = None

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch under way."""
        self._ended.set()

    def _run(self) -> None:
        failures = 0
        while not self._ended.is_set():
            entry = self._spool.wait(failures, _LOOK_S)
            if entry is None:
                continue
            try:
                pause_s = self._send(entry)
                failures = 0
                self._say(None)
            except Exception as error:
                if not isinstance(error, Unreachable):
                    log.exception("a fault while sending the batch %s; trying again", entry.id[:80])
                failures += 1
                pause_s = min(full_jitter(self._random, failures, 0.25), _LONGEST_PAUSE_S)
                self._say(str(error))
            self._ended.wait(pause_s)
        self._transport.close()

    def _send(self, entry: Spooled) -> float:
        """Seconds to rest before the next. Unreachable: nothing final was answered."""
        headers = {"Content-Type": "application/json"}
        if entry.encoding:
            headers["Content-Encoding"] = entry.encoding
        body = self._spool.body(entry)
        answer = self._transport.ask(
            Request(method="POST", path="/v1/events", headers=headers, body=body, limit=_ANSWER_BYTES)
        )
        if answer.status in (429, 503):
            self._ended.wait(retry_after_s(answer.headers.get("retry-after")))
        receipt = read_receipt(answer, Batch(id=entry.id, body=body, count=entry.count))
        if receipt.refused:
            log.error("the batch %s was refused above and laid aside: %s", entry.id[:80], receipt.reason)
            self._spool.refuse(entry)
            FORWARDED.labels("refused").inc(entry.count)
        else:
            self._spool.done(entry)
            FORWARDED.labels("accepted").inc(receipt.accepted)
            FORWARDED.labels("rejected").inc(receipt.rejected)
        return 0.0

    def _say(self, problem: str | None) -> None:
        if (problem is None) != (self.problem is None):
            log.warning("events: %s", problem or "the server above takes them again")
        self.problem = problem
