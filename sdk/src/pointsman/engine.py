"""The part of a client that works in the background: one thread that polls and sends, and its life."""

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic, time
from typing import TYPE_CHECKING, Final

from pointsman import processes
from pointsman.address import Address
from pointsman.core.evaluation import Evaluation
from pointsman.core.flag_texts import tied_flags
from pointsman.options import Options
from pointsman.outbox import Bell, Loss, Outbox
from pointsman.poller import Poller
from pointsman.recent import RecentUnits
from pointsman.ruleset_file import Held, RulesetFile, cache_name
from pointsman.sender import Sender
from pointsman.shelf import Shelf
from pointsman.stats import Stats
from pointsman.usage import Usage

if TYPE_CHECKING:
    from pointsman.transport import Transport

_log: Final = logging.getLogger("pointsman")
# After a fault of our own the thread rests for so many times the options' backoff, lest it spin.
_REST_AFTER_FAULT: Final = 5.0


class Engine:
    """Holds the evaluation in force and keeps it fresh. Starts nothing until ``start``; never raises.

    The thread holds the engine, not the client: a client nobody holds any more lets its thread end.
    """

    def __init__(self, address: Address, key: str, options: Options) -> None:
        self._address: Final = address
        self._key: Final = key
        self._options: Final = options
        self._shelf: Final = Shelf(_units_dir(address, key, options), limit=options.max_unit_set_bytes)
        self._file: Final = (
            None
            if options.cache_dir is None
            else RulesetFile(options.cache_dir, address, key, options.max_ruleset_bytes, self._shelf)
        )
        self.exit_timeout_s = options.exit_timeout_s
        self._transport: Transport | None = None
        self._lost: list[Transport] = []
        self.closed = False
        self._settle_in(self._file.load() if self._file else None)
        processes.settle(self)

    def _settle_in(self, held: Held | None) -> None:
        """Everything that belongs to one process alone, as new."""
        options = self._options
        self._bell: Bell = SimpleQueue()
        self._thread: threading.Thread | None = None
        # Whoever holds it may start the thread, or do its work; so never are two at it.
        self._starting = threading.Lock()
        self._urgent = self._retired = self._troubled = self._given_up = False
        self._unsaid = threading.Lock()
        """Taken, for good, by the one that says what was not sent."""
        self._faults = 0
        self._ready = threading.Event()
        self.recent: dict[str, RecentUnits] = {}
        """By sticky flag, the units this process exposed lately."""
        self.usage = Usage()
        self.used = self.usage.counts
        """Where ``variant`` counts."""
        self.evaluation = self._evaluation(None)
        if held:
            self._publish(held)
        self.outbox = Outbox(size=options.queue_size, full=options.batch_size, bell=self._bell)
        self._sender = Sender(
            self.outbox,
            instance=os.urandom(16).hex(),
            batch_size=options.batch_size,
            linger_s=options.flush_interval_s,
            backoff_s=options.backoff_s,
            usage=self.usage,
            usage_every_s=options.usage_interval_s,
            device=options.device,
            revision=self._revision,
        )
        self._poller = Poller(
            interval_s=options.poll_interval_s,
            backoff_s=options.backoff_s,
            limit=options.max_ruleset_bytes,
            held=held,
            file=self._file,
            shelf=self._shelf,
            publish=self._publish,
        )

    def start(self) -> None:
        """Start the thread unless it runs. Waits for nobody; where it fails, the next call tries again."""
        if self._thread is not None or self.closed or not self._starting.acquire(blocking=False):
            return
        try:
            if self._thread is None:  # Asked again: another may have started it before we held the lock.
                processes.promise_exit()
                self._thread = threading.Thread(target=self._run, name="pointsman", daemon=True)
                self._thread.start()
        except Exception as error:  # No more threads (RuntimeError): a limit, or the interpreter is ending.
            self._thread = None
            self._note_fault(error)
        finally:
            self._starting.release()

    def wait_until_ready(self, timeout_s: float) -> bool:
        """Whether a ruleset is there, waiting for it at most so long."""
        self.start()
        return self._ready.wait(timeout_s)

    def flush(self, timeout_s: float) -> bool:
        """Whether every event submitted before was dealt with, within so long."""
        if self._sender.is_idle:
            return True
        deadline = monotonic() + timeout_s
        marker = self.outbox.mark()
        self.start()
        if self._thread is None and self._starting.acquire(timeout=timeout_s):
            try:
                if self._thread is None:
                    self._send_here(deadline)
            finally:
                self._starting.release()
        self._urgent = True
        self._bell.put(None)
        wait_s = 0.0 if self._thread is None else max(0.0, deadline - monotonic())
        return marker.reached.wait(wait_s)

    def prefetch(self, flag: str, units: list[str], context: Mapping[str, object], timeout_s: float) -> int:
        """Ask the server what these units keep, in the caller's thread; how many it said. Never raises."""
        try:
            with processes.importing:
                from pointsman.assigned import ask_for
                from pointsman.transport import Transport
            transport = Transport(self._address, self._key, timeout_s)
            try:
                kept = ask_for(transport, flag, units, context, within_s=timeout_s)
            finally:
                transport.close()
        except Exception as error:
            self.outbox.notices.append(f"prefetch() of {flag!r:.80}: {type(error).__name__}: {error}")
            return 0
        self.recent.setdefault(flag, RecentUnits()).pin(kept)
        return len(kept)

    def close(self, timeout_s: float) -> bool:
        """Take no more events, flush, end the thread: all within so long. Whether nothing was left unsent."""
        deadline = monotonic() + timeout_s
        self.closed = True
        self._tell_usage()
        flushed = self.flush(timeout_s)
        thread = self._thread
        self._retired = True
        self._bell.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - monotonic()))
        self._give_up()
        return flushed

    def retire(self) -> None:
        """The client is gone: send what is left, once, and end. May be called by a garbage collection."""
        self.outbox.mark()
        self.closed = self._urgent = self._retired = True
        self._bell.put(None)

    def at_exit(self, timeout_s: float) -> None:
        """The interpreter is ending: send what is left, once, unless that was tried and given up."""
        if not (self.closed and self._given_up):
            self._tell_usage()
            self.flush(timeout_s)
        self._give_up()

    def _revision(self) -> int | None:
        ruleset = self.evaluation.ruleset
        return None if ruleset is None else ruleset.revision

    def _tell_usage(self) -> None:
        """The last chance; but for mere counts nobody waits for a server that is away."""
        heard = self._poller.polls > 0 and self._poller.problem is None and self._sender.problem is None
        if heard and self.usage.has_news:
            self._sender.tell_usage()

    def after_fork(self) -> None:
        """In the child: the ruleset stays; queue, connection, thread, counters and instance are new."""
        try:
            if self._transport is not None:
                # Kept for ever: ending it could wait for locks that a lost thread of the parent holds.
                # One that no thread was inside has no such locks, and goes.
                if self._transport.in_use:
                    self._lost.append(self._transport)
                self._transport.abandon()
            self._transport = None
            self._settle_in(self._poller.held)
        except Exception as error:
            self._note_fault(error)

    def stats(self) -> Stats:
        """The counters now. Taken without stopping anything: an event on its way may count twice, or not."""
        sender, poller, ruleset = self._sender, self._poller, self.evaluation.ruleset
        waiting = self._waiting
        # Told apart only here, so that a batch under way at the end that is answered after all counts right.
        unsent = waiting if self._given_up else 0
        return Stats(
            ready=ruleset is not None,
            revision=None if ruleset is None else ruleset.revision,
            queued=waiting - unsent,
            sent=sender.sent,
            accepted=sender.accepted,
            rejected=sender.rejected,
            dropped=self.outbox.losses() | {Loss.UNSENT.value: unsent},
            ignored=self.outbox.ignored,
            batches=sender.batches,
            retries=sender.retries,
            polls=poller.polls,
            poll_errors=poller.errors,
            rulesets_refused=poller.refused,
            cache_errors=(self._file.errors if self._file else 0) + self._shelf.errors,
            internal_errors=self._faults,
            problem=sender.problem
            or poller.problem
            or (self._file.problem if self._file else None)
            or self._shelf.problem,
        )

    @property
    def _waiting(self) -> int:
        """Events that nobody has answered for yet."""
        return len(self.outbox) + self._sender.unsent

    def _give_up(self) -> None:
        """The time is over: what waits is lost. Said once, whoever comes first."""
        self._given_up = True
        count = self._waiting
        if not count or not self._unsaid.acquire(blocking=False):
            return
        events = "1 event" if count == 1 else f"{count} events"
        why = self._sender.problem or "the time was over"
        try:
            _log.warning("%s: %s could not be sent: %s", self._address, events, why)
        except Exception as error:  # A handler of the host's.
            self._note_fault(error)

    def _publish(self, held: Held) -> None:
        former = self.evaluation.ruleset
        for key, flag in tied_flags(held.ruleset.flags).items():
            if flag.sticky:
                recent = self.recent.setdefault(key, RecentUnits())
                before = None if former is None else former.flags.get(key)
                if before is not None and before.salt != flag.salt:  # It draws everybody anew, on purpose.
                    recent.forget()
        self.evaluation = self.evaluation.followed_by(held.ruleset, held.units)
        self._ready.set()

    def _evaluation(self, held: Held | None) -> Evaluation:
        return Evaluation(
            None if held is None else held.ruleset,
            {} if held is None else held.units,
            now=time,
            attributes=self._options.attributes,
            recent=self.recent,
        )

    def _run(self) -> None:
        try:
            while not self._retired:
                self._turn()
            if self._urgent:
                self._turn()
            self._give_up()
        finally:
            if self._transport is not None:
                self._transport.close()
            self._thread = None  # So that whatever ended it, the next use starts another.

    def _turn(self) -> None:
        """One round of whatever is due, then a wait for the next thing."""
        try:
            self._work()
            self._say()
        except Exception as error:
            self._note_fault(error)
            self._sleep(monotonic() + _REST_AFTER_FAULT * self._options.backoff_s, through_rings=True)
        else:
            sending = self._sender.due()
            self._sleep(self._poller.due if sending is None else min(self._poller.due, sending))

    def _work(self) -> None:
        if self._urgent:
            self._urgent = False
            self._sender.hurry()
        transport = self._open()
        while self._sender.step(transport):
            self._poller.step(transport)  # In between: a busy application must hear of changes too.
        if not self._retired:
            self._poller.step(transport)

    def _sleep(self, until: float, *, through_rings: bool = False) -> None:
        while not self._retired and (left := until - monotonic()) > 0:
            try:
                self._bell.get(timeout=left)
            except Empty:
                return
            if not through_rings:
                break
        while not self._bell.empty():
            self._bell.get()

    def _open(self) -> "Transport":
        if self._transport is None:
            with processes.importing:
                from pointsman.transport import Transport  # A tenth of a second the host does not wait.
            self._transport = Transport(self._address, self._key, self._options.timeout_s)
        return self._transport

    def _send_here(self, deadline: float) -> None:
        """Send in the caller's thread, where none can be started: once. The caller holds ``_starting``."""
        try:
            self._sender.hurry()
            transport = self._open()
            while (left := deadline - monotonic()) > 0:
                transport.timeout_s = min(self._options.timeout_s, left)
                if not self._sender.step(transport):
                    break
            transport.timeout_s = self._options.timeout_s
            transport.close()
        except Exception as error:
            self._note_fault(error)

    def _say(self) -> None:
        """Log, here rather than in the host's threads, whose handlers may wait: only changes and firsts."""
        while self.outbox.notices:
            _log.warning("%s", self.outbox.notices.popleft())
        problem = self._sender.problem or self._poller.problem
        if problem and not self._troubled:
            _log.warning("%s: %s; going on with what is known, and trying again", self._address, problem)
        elif self._troubled and not problem:
            _log.info("%s answers again", self._address)
        self._troubled = bool(problem)

    def _note_fault(self, error: Exception) -> None:
        self._faults += 1
        if self._faults == 1:
            self.outbox.notices.append(f"a fault in the client, survived: {type(error).__name__}: {error}")


def _units_dir(address: Address, key: str, options: Options) -> Path | None:
    if options.cache_dir is None:
        return None
    return Path(options.cache_dir).absolute() / f"{cache_name(address, key)}.units"
