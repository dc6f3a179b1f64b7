"""Keeps the ruleset fresh: asks, judges the answer, and hands on only what may replace the one held."""

from collections.abc import Callable
from random import SystemRandom
from time import monotonic
from typing import TYPE_CHECKING, Final

from pointsman.backoff import Clock, full_jitter, retry_after_s
from pointsman.core.model import Ruleset
from pointsman.core.references import unit_sets_of
from pointsman.core.succeeding import decode_next
from pointsman.errors import CodecError, Unreachable
from pointsman.messages import Answer, Request
from pointsman.ruleset_file import Held, RulesetFile
from pointsman.shelf import Shelf
from pointsman.succession import Succession

if TYPE_CHECKING:
    from pointsman.transport import Transport

Publish = Callable[[Held], None]


class Poller:
    """Polls when due. Whatever the server answers, the ruleset held is kept and the next poll is planned."""

    def __init__(
        self,
        *,
        interval_s: float,
        backoff_s: float,
        limit: int,
        held: Held | None,
        file: RulesetFile | None,
        shelf: Shelf,
        publish: Publish,
        clock: Clock = monotonic,
    ) -> None:
        self._interval_s: Final = interval_s
        self._backoff_s: Final = backoff_s
        self._limit: Final = limit
        self._file: Final = file
        self._shelf: Final = shelf
        self._publish: Final = publish
        self._clock: Final = clock
        self._random: Final = SystemRandom()  # The host's seeded sequence is the host's.
        self._succession: Final = Succession()
        self.held = held
        self.due = 0.0
        self.polls = 0
        self.errors = 0
        self.refused = 0
        self.failures = 0
        """Polls in a row that failed; 0 once one succeeds."""
        self.problem: str | None = None

    def step(self, transport: "Transport") -> None:
        """Poll if due; ``due`` then says when next."""
        if self._clock() < self.due:
            return
        self.polls += 1
        pause_s = 0.0
        try:
            answer = transport.ask(self._request())
            pause_s = retry_after_s(answer.headers.get("retry-after"))
            self._take(answer, transport)
        except (Unreachable, CodecError) as error:
            self.errors += 1
            self.failures += 1
            self.problem = str(error)
            self.due = self._clock() + max(pause_s, full_jitter(self._random, self.failures, self._backoff_s))
        else:
            self.failures = 0
            self.problem = None
            # Full jitter over the interval: processes started together spread out, and no change is
            # older than the interval.
            self.due = self._clock() + self._random.uniform(0.0, self._interval_s)

    def _request(self) -> Request:
        tag = {"If-None-Match": self.held.etag} if self.held and self.held.etag else {}
        return Request(method="GET", path="/v1/ruleset", headers=tag, limit=self._limit)

    def _take(self, answer: Answer, transport: "Transport") -> None:
        if answer.status == 304 and self.held:
            self._succession.confirm()
            return
        if answer.status != 200:
            raise Unreachable(f"the server answered {answer.status} to the ruleset request")
        ruleset = self._read(answer.body)
        # Before anything is swapped: a ruleset is used with all of its unit sets or not at all.
        units = self._shelf.gather(unit_sets_of(ruleset), transport)
        held = Held(ruleset=ruleset, etag=answer.headers.get("etag", ""), units=units)
        before = self.held.ruleset if self.held else None
        if not self._succession.admits(before, held.ruleset, self._clock()):
            self.refused += 1
            raise CodecError("revision", f"{held.ruleset.revision} is older than the one held")
        self.held = held
        self._publish(held)
        if self._file:
            self._file.save(answer.body, held.etag)
            self._shelf.tidy(units)

    def _read(self, body: bytes) -> Ruleset:
        try:
            return decode_next(body, self.held.ruleset if self.held else None)
        except CodecError:
            self.refused += 1
            raise
