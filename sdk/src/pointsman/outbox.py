"""Events on their way out of the application: a bounded queue whose front door never waits.

``submit`` takes no lock: a deque's append and len are single steps of the interpreter, and the bell is a
``SimpleQueue``, whose put may be called anywhere, signal handlers and destructors included. The bound may be
passed by as many events as there are threads submitting in the same instant.
"""

import threading
from collections import deque
from enum import StrEnum
from queue import SimpleQueue
from typing import Final, TypeAlias

from pointsman.core.events import Event

Bell: TypeAlias = "SimpleQueue[None]"
"""Rung to wake the background thread."""


class Loss(StrEnum):
    """Why an event will never arrive."""

    QUEUE_FULL = "queue_full"
    """More events than the queue holds while the server was away or slow."""
    INVALID = "invalid"
    """Not an event: a value that is no finite number, a name too long, text that is not Unicode."""
    REFUSED = "refused"
    """The server refused the whole batch for good (a 4xx other than 401, 403, 408, 425, 429)."""
    CLOSED = "closed"
    """Handed over after close()."""
    UNSENT = "unsent"
    """Nobody had answered for it when the time of close() or of the interpreter's exit ran out."""
    OFFLINE = "offline"
    """The client was made from a bundle, and has no server."""


class Marker:
    """A place in the queue. ``reached`` is set once everything before it has been dealt with."""

    __slots__ = ("reached",)

    def __init__(self) -> None:
        self.reached = threading.Event()


class Outbox:
    """Events not yet in a batch, and the count of every event lost anywhere on the way."""

    def __init__(self, *, size: int, full: int, bell: Bell) -> None:
        self._size: Final = size
        self._full: Final = full
        self._bell: Final = bell
        self._entries: deque[Event | Marker] = deque()
        # "Rung already": set by whoever rings, cleared by the reader before it looks into the queue, so an
        # event that arrives after the look always rings again.
        self._rung = False
        self._rung_full = False
        # Re-entrant: a signal handler may drop an event in the middle of another drop.
        self._counting = threading.RLock()
        self._losses = dict.fromkeys(Loss, 0)
        self._markers = 0
        self.ignored = 0
        """Exposures of choices that are errors."""
        self.notices: deque[str] = deque(maxlen=100)
        """What the background thread should log: the first loss of each kind."""

    def __len__(self) -> int:
        """Events waiting; markers are none."""
        return max(0, len(self._entries) - self._markers)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits at all, marker or event."""
        return not self._entries

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for a marker to be reached."""
        return self._markers > 0

    @property
    def is_full_batch(self) -> bool:
        """Whether a whole batch is waiting."""
        return len(self._entries) >= self._full

    def submit(self, event: Event) -> None:
        """Take the event, or drop and count it when the queue is full. Never waits."""
        waiting = len(self._entries)
        if waiting >= self._size:
            self.lose(Loss.QUEUE_FULL, f"the queue is full at {self._size} events")
            return
        self._entries.append(event)
        if not self._rung:
            self._rung = True
            self._bell.put(None)
        elif waiting + 1 >= self._full and not self._rung_full:
            self._rung_full = True
            self._bell.put(None)

    def lose(self, loss: Loss, why: str, count: int = 1) -> None:
        """Count events that will never arrive; the first of a kind is noted for the log."""
        with self._counting:
            if not self._losses[loss]:
                self.notices.append(f"an event was dropped ({loss}): {why}; later ones are only counted")
            self._losses[loss] += count

    def ignore(self) -> None:
        """Count an exposure of a choice that is an error: there is nothing to tell."""
        with self._counting:
            self.ignored += 1

    def losses(self) -> dict[str, int]:
        """Events lost since the beginning, by cause."""
        with self._counting:
            return {loss.value: count for loss, count in self._losses.items()}

    def mark(self) -> Marker:
        """A marker behind everything submitted so far."""
        try:
            last = self._entries[-1]
        except IndexError:
            last = None
        if isinstance(last, Marker):  # So that flushing a queue nobody empties does not fill it.
            return last
        marker = Marker()
        with self._counting:
            self._markers += 1
            self._entries.append(marker)
        return marker

    def look(self) -> None:
        """To be called before taking: whatever arrives from now on rings again."""
        self._rung = self._rung_full = False

    def take(self) -> Event | Marker | None:
        """The next entry, oldest first; None when there is none. For the background thread alone."""
        try:
            entry = self._entries.popleft()
        except IndexError:
            return None
        if isinstance(entry, Marker):
            with self._counting:
                self._markers -= 1
        return entry
