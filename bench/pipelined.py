"""Load for a server on loopback: several processes, keep-alive sockets, a few requests on their way in each.

Our own in Python, and cheap enough not to be the bottleneck: requests of a kind are equal bytes and so are
their answers' lengths, hence nothing is parsed. Every answer's length is checked; another one is an error.
"""

import socket
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Final

PROCESSES: Final = 2
SOCKETS: Final = 4
_ON_THEIR_WAY: Final = 8
_TIMEOUT_S: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One kind of request, as bytes, and the status it must be answered with."""

    port: int
    request: bytes
    status: int


def shot(
    port: int, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, status: int = 200
) -> Shot:
    """The bytes of a request."""
    named = {"Host": "127.0.0.1", **headers} | ({"Content-Length": str(len(body))} if body else {})
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return Shot(port=port, request=f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body, status=status)


def answer_of(what: Shot) -> bytes:
    """One whole answer. RuntimeError: of another status."""
    with _connected(what.port) as connection:
        connection.sendall(what.request)
        raw = b""
        while not _whole(raw):
            raw += _some(connection)
    if not raw.startswith(f"HTTP/1.1 {what.status} ".encode()):
        raise RuntimeError(f"not {what.status}: {raw[:300]!r}")
    return raw


def etag_of(answer: bytes) -> str:
    """The answer's ETag. StopIteration: it has none."""
    head = answer.partition(b"\r\n\r\n")[0].decode()
    return next(line[6:] for line in head.split("\r\n") if line.lower().startswith("etag: "))


def per_second(what: Shot, *, seconds: float) -> float:
    """Requests answered in a second, by all processes and sockets together."""
    length = len(answer_of(what))
    with ProcessPoolExecutor(PROCESSES) as pool:
        found = list(pool.map(_drive, [what] * PROCESSES, [length] * PROCESSES, [seconds] * PROCESSES))
    return sum(found)


def _drive(what: Shot, length: int, seconds: float) -> float:
    sockets = [_connected(what.port) for _ in range(SOCKETS)]
    burst, expected = what.request * _ON_THEIR_WAY, length * _ON_THEIR_WAY
    answered, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for each in sockets:
            each.sendall(burst)
        for each in sockets:
            _swallow(each, expected)
        answered += _ON_THEIR_WAY * SOCKETS
    took = time.perf_counter() - start
    for each in sockets:
        each.close()
    return answered / took


def _swallow(connection: socket.socket, expected: int) -> None:
    while expected > 0:
        expected -= len(_some(connection))
    if expected:
        raise RuntimeError("the server answered another length than before")


def _some(connection: socket.socket) -> bytes:
    chunk = connection.recv(262_144)
    if not chunk:
        raise RuntimeError("the server closed the connection")
    return chunk


def _connected(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), _TIMEOUT_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _whole(raw: bytes) -> bool:
    head, found, body = raw.partition(b"\r\n\r\n")
    if not found:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return True
