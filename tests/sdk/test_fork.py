"""A client made before a fork serves both sides of it: nothing lost, nothing sent twice, nothing stuck."""

import sys

import pytest

from tests.sdk.children import run
from tests.sdk.servers import Reply, Server, always

pytestmark = pytest.mark.skipif(not hasattr(sys, "getdlopenflags"), reason="needs os.fork")


def test_parent_and_children_each_send_their_own_events_once(server: Server) -> None:
    run(
        """
client = client_of(sys.argv[1])
assert client.wait_until_ready(20)
for number in range(10):
    client.record("parent", unit=number)
for child in range(3):
    if os.fork() == 0:
        assert threading.active_count() == 1
        choice = client.variant("digit-reader", unit="user-42")
        assert choice.error is None, choice
        for number in range(5):
            client.record(f"child-{child}", unit=number)
        assert client.flush(20)
        assert client.stats().accepted == 5, client.stats()
        os._exit(0)
for _ in range(3):
    assert os.wait()[1] == 0
assert client.flush(20)
assert client.stats().accepted == 10, client.stats()
client.close()
""",
        server.url,
    )

    names = [event["name"] for event in server.events()]
    assert {name: names.count(name) for name in names} == {
        "parent": 10,
        "child-0": 5,
        "child-1": 5,
        "child-2": 5,
    }
    batches = [asked.batch for asked in server.to("/v1/events")]
    assert len({batch["batch"] for batch in batches}) == len(batches)
    assert len({batch["instance"] for batch in batches}) == 4


def test_a_fork_with_events_still_queued_leaves_them_to_the_parent(server: Server) -> None:
    run(
        """
client = client_of(sys.argv[1])
client.record("parent", unit="user-42")
if os.fork() == 0:
    assert client.stats().queued == 0
    assert client.flush(20)
    os._exit(0)
assert os.wait()[1] == 0
client.close(20)
""",
        server.url,
    )

    assert [event["name"] for event in server.events()] == ["parent"]


def test_a_client_not_yet_used_starts_in_the_child(server: Server) -> None:
    run(
        """
client = client_of(sys.argv[1])
if os.fork() == 0:
    assert client.wait_until_ready(20)
    client.expose(client.variant("digit-reader", unit="user-42"))
    assert client.flush(20)
    os._exit(0)
assert os.wait()[1] == 0
assert threading.active_count() == 1
""",
        server.url,
    )

    assert [event["type"] for event in server.events()] == ["exposure"]


def test_forks_in_the_middle_of_requests_and_imports_hang_nobody(server: Server) -> None:
    run(
        """
import signal
client = client_of(sys.argv[1], poll_interval_s=0.001, flush_interval_s=0.001)
client.variant("digit-reader", unit="user-42")
for number in range(40):
    client.record("parent", unit=number)
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        import urllib3.connection
        client.record("child", unit=number)
        assert client.flush(20)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, number
client.close(20)
""",
        server.url,
    )

    names = [event["name"] for event in server.events()]
    assert (names.count("parent"), names.count("child")) == (40, 40)


def test_a_fork_while_the_server_is_silent_hangs_nobody(server: Server) -> None:
    server.ruleset_script = server.events_script = always(Reply(hang=True))

    run(
        """
import logging
logging.getLogger("pointsman").setLevel("CRITICAL")
client = client_of(sys.argv[1], timeout_s=0.2, exit_timeout_s=0.2, flush_interval_s=0.001)
client.record("parent", unit="user-42")
client.wait_until_ready(0.1)
if os.fork() == 0:
    client.record("child", unit="user-42")
    assert not client.flush(0.1)
    assert not client.close(0.1)
    os._exit(0)
assert os.wait()[1] == 0
client.close(0.1)
""",
        server.url,
    )


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_send_what_they_have_when_they_end(server: Server, method: str) -> None:
    run(
        f"""
import multiprocessing

url = sys.argv[1]
client = client_of(url)
client.record("parent", unit="user-42")

def work(number):
    mine = client if {method!r} == "fork" else client_of(url)
    mine.wait_until_ready(20)
    mine.expose(mine.variant("digit-reader", unit=number))
"""
        + _in_a_module(method),
        server.url,
    )

    kinds = [event["type"] for event in server.events()]
    assert (kinds.count("exposure"), kinds.count("outcome")) == (4, 1)


def test_a_pool_of_processes_reuses_the_client_it_inherits(server: Server) -> None:
    run(
        """
import multiprocessing

client = client_of(sys.argv[1])
assert client.wait_until_ready(20)

def work(number):
    choice = client.variant("digit-reader", unit=number)
    client.expose(choice)
    assert client.flush(20)
    return choice.error

with multiprocessing.get_context("fork").Pool(4) as pool:
    assert pool.map(work, range(100)) == [None] * 100
client.close()
""",
        server.url,
    )

    assert sorted(int(event["unit"]) for event in server.events()) == list(range(100))


def test_a_grandchild_works_too(server: Server) -> None:
    run(
        """
client = client_of(sys.argv[1])
client.record("one", unit="user-42")
if os.fork() == 0:
    client.record("two", unit="user-42")
    if os.fork() == 0:
        client.record("three", unit="user-42")
        assert client.flush(20)
        os._exit(0)
    assert os.wait()[1] == 0
    assert client.flush(20)
    os._exit(0)
assert os.wait()[1] == 0
client.close(20)
""",
        server.url,
    )

    assert sorted(event["name"] for event in server.events()) == ["one", "three", "two"]


def test_generations_of_forks_do_not_pile_up_connections(server: Server) -> None:
    printed = run(
        """
import gc
client = client_of(sys.argv[1], poll_interval_s=80_000)
GENERATIONS = 12
for generation in range(GENERATIONS):
    assert client.wait_until_ready(20)
    client.record("correct", unit=generation)
    assert client.flush(20)
    if os.fork():
        assert os.wait()[1] == 0
        os._exit(0)
kept = sum(type(thing).__name__ == "Transport" for thing in gc.get_objects())
print(kept, flush=True)
os._exit(0)
""",
        server.url,
    )

    # None, but for forks that fall into the end of a request.
    assert int(printed) < 6


def _in_a_module(method: str) -> str:
    """Functions of ``-c`` cannot be sent to a spawned child; a module on disk can."""
    if method == "fork":
        return """
context = multiprocessing.get_context("fork")
children = [context.Process(target=work, args=(number,)) for number in range(4)]
for child in children:
    child.start()
for child in children:
    child.join()
    assert child.exitcode == 0
client.close(20)
"""
    return f"""
from tests.sdk.spawned import expose_one
context = multiprocessing.get_context({method!r})
children = [context.Process(target=expose_one, args=(url, number)) for number in range(4)]
for child in children:
    child.start()
for child in children:
    child.join()
    assert child.exitcode == 0
client.close(20)
"""
