"""From RSGI to PEP 3333 and back: the environ of a request, and what a WSGI application answers to it."""

import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# Repeated headers are one list with commas, but for cookies (RFC 9110 5.3, RFC 6265 5.4).
_JOINED_BY: Final = {"HTTP_COOKIE": "; "}
_UNPREFIXED: Final = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
# The body is complete and counted when the application sees it: how it travelled is no longer true.
_HOP: Final = frozenset({"content-length", "transfer-encoding"})


class Headers(Protocol):
    """A request's headers; names in lower case, values of visible ASCII."""

    def items(self) -> list[tuple[str, str]]: ...
    def get(self, key: str, default: Any = None) -> Any: ...
    def __contains__(self, key: str) -> bool: ...


class Scope(Protocol):
    """The head of a request, as RSGI gives it."""

    method: str
    path: str
    query_string: str
    http_version: str
    scheme: str
    server: str
    client: str
    authority: str | None
    headers: Headers


class Proto(Protocol):
    """The server's side of one request, as RSGI gives it; answers may come from any thread."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None: ...
    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer: what goes on the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def send(self, proto: Proto) -> None:
        """Hand it to the server."""
        if self.body:
            proto.response_bytes(self.status, self.headers, self.body)
        else:
            proto.response_empty(self.status, self.headers)


def environ_of(scope: Scope, body: BytesIO, size: int) -> dict[str, Any]:
    """The environ of a request whose body has arrived, ``size`` bytes of it.

    ``scope.path`` is percent-decoded, with U+FFFD for what is no UTF-8: what werkzeug would make of it too.
    A name with an underscore is left out: behind a proxy it could pass for its twin with a hyphen.
    """
    server_name, _, server_port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "SERVER_NAME": server_name.strip("[]"),
        "SERVER_PORT": server_port,
        "SERVER_PROTOCOL": "HTTP/1.0" if scope.http_version == "1" else f"HTTP/{scope.http_version}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body,
        # Not of PEP 3333, but werkzeug asks for it: reading to the end never waits for a socket.
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        key = _key(name)
        if key in environ:
            environ[key] += _JOINED_BY.get(key, ",") + value
        elif key:
            environ[key] = value
    if size or "content-length" in scope.headers:
        environ["CONTENT_LENGTH"] = str(size)
    if "HTTP_HOST" not in environ and scope.authority:
        environ["HTTP_HOST"] = scope.authority
    return environ


@lru_cache(maxsize=256)
def _key(name: str) -> str:
    """The environ's name for a header; empty: it does not get in."""
    if name in _HOP or "_" in name:
        return ""
    return _UNPREFIXED.get(name) or "HTTP_" + name.upper().replace("-", "_")


def answer_of(app: "WSGIApplication", environ: dict[str, Any]) -> Answer:
    """What the application answers, whole; its iterable is closed whatever happens.

    ValueError: it answered nothing, or a header that no client may get. Every error of its own passes.
    """
    status, headers, written = "", list[tuple[str, str]](), list[bytes]()

    def start_response(line: str, fields: list[tuple[str, str]], _exc_info: Any = None, /) -> "Any":
        # Nothing has been sent before everything is here, so that a second start simply replaces the first.
        nonlocal status, headers
        status, headers = line, fields
        return written.append

    iterable = app(environ, start_response)
    try:
        body = _joined(written, iterable)
    finally:
        close = getattr(iterable, "close", None)
        if close is not None:
            close()
    if not status:
        raise ValueError("the application never started its answer")
    for name, value in headers:
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"the header {name} holds {value!r}, which cannot be sent")
    code = int(status[:3])
    bodiless = environ["REQUEST_METHOD"] == "HEAD" or code < 200 or code in (204, 304)
    return Answer(status=code, headers=headers, body=b"" if bodiless else body)


def _joined(written: list[bytes], iterable: Iterable[bytes]) -> bytes:
    chunks = list(iterable)
    if written:
        chunks = written + chunks
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
