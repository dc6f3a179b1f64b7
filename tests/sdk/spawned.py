"""What a spawned child of multiprocessing runs; it must be importable by name."""

from pointsman import Client, Options

CLIENTS: list[Client] = []
"""Kept to the end: it is the exit that must send, not the garbage collection."""


def expose_one(url: str, number: int) -> None:
    client = Client(url, key="sdk-key", options=Options(cache_dir=None, flush_interval_s=60))
    CLIENTS.append(client)
    assert client.wait_until_ready(20)
    client.expose(client.variant("digit-reader", unit=number))
