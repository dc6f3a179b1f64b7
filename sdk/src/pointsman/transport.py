"""One HTTP connection to the server, used by one thread.

A connection rather than a pool: a pool's locks, held by a thread that a fork leaves behind, would hang the
child. Everything needed is imported here, at the top, while the fork lock is held (see ``processes``).
No redirect is followed: it would carry the key elsewhere. No proxy is read from the environment.
"""

import encodings.idna  # noqa: F401  (socket imports it on the first name to resolve)
import os
import socket
import ssl
import time
import zlib
from http.client import HTTPException
from typing import Final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from pointsman.address import Address
from pointsman.errors import Unreachable
from pointsman.messages import Answer, Request
from pointsman.version import VERSION

_CHUNK: Final = 65_536


class Transport:
    """Sends requests with the key, one at a time, each within ``timeout_s`` in all."""

    def __init__(self, address: Address, key: str, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.in_use = False
        """A thread is inside, and may hold the locks of what is read and written."""
        self._address: Final = address
        self._connection: HTTPConnection | None = None
        self._headers: Final = {
            "Authorization": f"Bearer {key}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"pointsman-python/{VERSION}",
        }

    def ask(self, request: Request) -> Answer:
        """The answer, whatever its status. Unreachable: there is none, or it breaks the request's limits."""
        deadline = time.monotonic() + self.timeout_s
        self.in_use = True
        try:
            return self._exchange(request, deadline)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            self._disconnect()
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        except Unreachable:
            self._disconnect()
            raise
        finally:
            self.in_use = False

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self.in_use = True
        try:
            self._disconnect()
        finally:
            self.in_use = False

    def abandon(self) -> None:
        """In a forked child: let go of the parent's socket, touching nothing a lost thread may hold."""
        inherited: socket.socket | None = getattr(self._connection, "sock", None)
        if inherited is not None:
            os.close(inherited.detach())

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _exchange(self, request: Request, deadline: float) -> Answer:
        connection = self._open()
        connection.timeout = _left(deadline)
        connection.request(
            request.method,
            self._address.path + request.path,
            request.body,
            {**self._headers, **request.headers},
            preload_content=False,
            decode_content=False,
        )
        sock = connection.sock
        connection.timeout = _left(deadline)
        response = connection.getresponse()
        packed = _read(response, sock, request.limit, deadline)
        known = {name.lower(): value for name, value in response.headers.items()}
        return Answer(
            status=response.status,
            headers=known,
            body=_unpacked(packed, known.get("content-encoding", ""), request.limit),
        )

    def _open(self) -> HTTPConnection:
        if self._connection is None:
            where = self._address
            self._connection = (
                HTTPSConnection(where.host, where.port, ssl_context=ssl.create_default_context())
                if where.secure
                else HTTPConnection(where.host, where.port)
            )
        elif not self._connection.is_connected:  # Never used, closed by the server, or out of step.
            self._connection.close()
        return self._connection


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise Unreachable("the answer took too long")
    return left


def _read(response: BaseHTTPResponse, sock: socket.socket | None, limit: int, deadline: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        # Renewed before each piece, so that a byte now and then does not hold the thread for ever.
        left = _left(deadline)
        if sock is not None and sock.fileno() >= 0:
            sock.settimeout(left)
        chunk = response.read1(_CHUNK, decode_content=False)
        if not chunk:
            return b"".join(chunks)
        size += len(chunk)
        if size > limit:
            raise Unreachable(f"the answer is over {limit} bytes")
        chunks.append(chunk)


def _unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    if encoding in ("", "identity") or not body:
        return body
    if encoding != "gzip":
        raise Unreachable(f"the answer is packed with {encoding!r:.40}, which was not asked for")
    machine = zlib.decompressobj(wbits=31)
    try:
        unpacked = machine.decompress(body, limit + 1)
    except zlib.error as error:
        raise Unreachable(f"the answer is not gzip ({error})") from error
    if len(unpacked) > limit or not machine.eof:
        raise Unreachable(f"the answer is cut short, or over {limit} bytes unpacked")
    return unpacked
