"""The sender by itself: what it says of the events it holds."""

from collections.abc import ItemsView
from queue import SimpleQueue

from pointsman.address import parse_address
from pointsman.core.events import Exposure
from pointsman.core.model import Scalar
from pointsman.outbox import Outbox
from pointsman.sender import Sender
from pointsman.transport import Transport


class Watching(dict[str, Scalar]):
    """A context that looks at what is waiting in the moment its event is put into a batch."""

    def __init__(self, outbox: Outbox, sender: Sender, seen: list[int]) -> None:
        super().__init__(country="DE")
        self._outbox, self._sender, self._seen = outbox, sender, seen

    def items(self) -> ItemsView[str, Scalar]:  # type: ignore[override]  # dict's own kind of view is private
        self._seen.append(len(self._outbox) + self._sender.unsent)
        return ItemsView(self)


def test_events_in_the_batch_being_formed_are_waiting_too() -> None:
    outbox = Outbox(size=100, full=10, bell=SimpleQueue())
    sender = Sender(outbox, instance="0" * 32, batch_size=10, linger_s=0, backoff_s=60)
    seen: list[int] = []
    for number in range(10):
        context = Watching(outbox, sender, seen)
        outbox.submit(Exposure(number, "user-42", "digit-reader", "v2", "r1", 7, context))

    nobody_there = Transport(parse_address("http://127.0.0.1:9"), "sdk-key", 1.0)
    assert not sender.step(nobody_there)

    # The one just taken from the queue is on its way between two counts.
    assert seen == [9] * 10
    assert len(outbox) + sender.unsent == 10
