"""The end of a process: events are sent, and the end is not put off for long."""

import time

import pytest

from tests.sdk.children import run
from tests.sdk.servers import Reply, Server, always

_USE = """
client = client_of(sys.argv[1])
for number in range(10):
    client.record("correct", unit=number)
"""


@pytest.mark.parametrize(
    "ending",
    [
        "",
        "sys.exit(0)",
        "client.close()",
        "del client",
        "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); os.kill(os.getpid(), 15)",
        "threading.Thread(target=lambda: client.record('late', unit=1)).start()",
    ],
)
def test_events_not_yet_sent_are_sent_at_the_end(server: Server, ending: str) -> None:
    run(_USE + ending, server.url)

    assert sum(event["name"] == "correct" for event in server.events()) == 10


def test_events_recorded_while_the_interpreter_ends_are_sent_too(server: Server) -> None:
    run(
        """
import atexit
client = client_of(sys.argv[1])
atexit.register(lambda: client.flush(5))
atexit.register(lambda: client.record("late", unit="user-42"))
""",
        server.url,
    )

    assert [event["name"] for event in server.events()] == ["late"]


def test_events_are_sent_at_the_end_where_no_thread_can_be_started(server: Server) -> None:
    run(
        """
def refuse(*_):
    raise RuntimeError("can't start new thread")
threading.Thread.start = refuse
client = client_of(sys.argv[1])
choice = client.variant("digit-reader", unit="user-42", default="v1")
assert choice.variant == "v1"
for number in range(1_200):
    client.record("correct", unit=number)
assert client.stats().internal_errors > 0
""",
        server.url,
    )

    assert len(server.events()) == 1_200


def test_a_child_that_leaves_by_sys_exit_sends_its_events(server: Server) -> None:
    run(
        """
client = client_of(sys.argv[1])
client.record("parent", unit="user-42")
if os.fork() == 0:
    client.record("child", unit="user-42")
    sys.exit(0)
assert os.wait()[1] == 0
""",
        server.url,
    )

    assert sorted(event["name"] for event in server.events()) == ["child", "parent"]


def test_a_silent_server_does_not_put_off_the_end(server: Server) -> None:
    server.events_script = server.ruleset_script = always(Reply(hang=True))
    began = time.monotonic()

    run(
        """
import logging
logging.getLogger("pointsman").setLevel("CRITICAL")
client = client_of(sys.argv[1], exit_timeout_s=0.3, timeout_s=60)
other = client_of(sys.argv[1], exit_timeout_s=0.3, timeout_s=60)
client.record("correct", unit="user-42")
other.record("correct", unit="user-42")
""",
        server.url,
    )

    # Not a measurement: without the bound the end would wait for the request's own 60 s.
    assert time.monotonic() - began < 30


def test_a_dead_server_does_not_put_off_the_end() -> None:
    run(
        """
import logging
logging.getLogger("pointsman").setLevel("CRITICAL")
client = client_of("http://127.0.0.1:9")
client.record("correct", unit="user-42")
"""
    )


def test_exec_leaves_nothing_behind(server: Server) -> None:
    printed = run(
        _USE
        + """
assert client.flush(20)
open_files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
os.execv(sys.executable, [sys.executable, "-c", "import os; print(len(os.listdir('/dev/fd')))"])
""",
        server.url,
    )

    assert int(printed) <= 5


_SAYING = """
import atexit, logging
logging.basicConfig(stream=sys.stdout, format="%(message)s")
logging.getLogger("pointsman").addFilter(lambda record: "could not be sent" in record.getMessage())

def tell():
    stats = client.stats()
    print("unsent", stats.dropped["unsent"], "queued", stats.queued, "sent", stats.sent)
"""
_TEN = """
client = client_of("http://127.0.0.1:9", exit_timeout_s=0.3, batch_size=4)
for number in range(10):
    client.record("correct", unit=number)
"""


@pytest.mark.parametrize(
    "program",
    [
        _TEN + "client.close(); tell()",
        _TEN + "client.close(); client.close(); tell()",
        # Exit hooks run from last to first: this one after the client's own, registered at its first use.
        "atexit.register(tell)" + _TEN,
        "atexit.register(tell)" + _TEN + "client.close()",
    ],
)
def test_what_could_not_be_sent_until_the_end_is_counted_and_said_once(program: str) -> None:
    *said, told = run(_SAYING + program).splitlines()

    assert told == "unsent 10 queued 0 sent 0"
    assert [line.split(": ")[1] for line in said] == ["10 events could not be sent"]


def test_a_client_that_is_let_go_says_what_it_could_not_send() -> None:
    (said,) = run(_SAYING + _TEN + "del client").splitlines()

    assert "10 events could not be sent" in said


def test_a_flush_that_runs_out_of_time_loses_nothing() -> None:
    printed = run(_SAYING + _TEN + "assert not client.flush(0.05); tell(); client.close()")

    assert printed.startswith("unsent 0 queued 10 sent 0\n")
