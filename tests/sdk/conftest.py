"""A server that answers, a client that talks to it quickly, and nothing left running."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pointsman import Client, Options
from tests.sdk.servers import Server, running

Connect = Callable[..., Client]


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture
def connect(server: Server, tmp_path: Path) -> Iterator[Connect]:
    """Makes clients of the server, in a hurry unless told otherwise, and closes them."""
    clients: list[Client] = []

    def make(url: str = server.url, **options: object) -> Client:
        quick: dict[str, object] = {
            "poll_interval_s": 0.05,
            "flush_interval_s": 0.01,
            "backoff_s": 0.02,
            "timeout_s": 5.0,
            "cache_dir": tmp_path / "cache",
        }
        client = Client(url, key="sdk-key", options=Options(**(quick | options)))  # type: ignore[arg-type]  # by name
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close(0)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    for thread in threading.enumerate():
        if thread.name == "pointsman":
            thread.join(10)
            assert not thread.is_alive()
