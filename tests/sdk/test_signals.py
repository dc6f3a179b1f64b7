"""A signal handler may interrupt the client anywhere, and use it."""

from tests.sdk.children import run
from tests.sdk.servers import Server


def test_a_signal_handler_that_uses_the_client_hangs_nobody_and_loses_nothing(server: Server) -> None:
    run(
        """
import logging, signal
logging.getLogger("pointsman").setLevel("CRITICAL")
client = client_of(sys.argv[1], flush_interval_s=0.001, batch_size=50)
assert client.wait_until_ready(20)
# A flag's first use makes its function, which may take longer than the timer below leaves between two
# signals: handlers would then interrupt one another without end, whatever they do.
client.variant("digit-reader", unit="first")
handled = 0

def handler(*_):
    global handled
    client.expose(client.variant("digit-reader", unit="handler"))
    client.record("handled", unit="handler", value=float("nan"))
    client.record("handled", unit="handler")
    handled += 1

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for number in range(20_000):
    client.record("main", unit=number, value=float("nan") if number % 2 else 1)
signal.setitimer(signal.ITIMER_REAL, 0)
assert handled > 10, handled
assert client.flush(20)
stats = client.stats()
assert stats.accepted == 10_000 + 2 * handled, (stats, handled)
assert stats.dropped["invalid"] == 10_000 + handled, (stats, handled)
client.close()
""",
        server.url,
    )
