"""A real HTTP server on loopback that answers as a test tells it, and remembers what it was asked."""

import gzip
import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pointsman.core.codec import encode
from pointsman.core.model import Ruleset
from tests.sdk.core.rulesets import flag, rule, ruleset

WITHIN_S = 20.0
"""How long a test waits for what must come; reached only by a failing one."""
RULESET = ruleset(flag(rule("r1")))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def batch(self) -> dict[str, Any]:
        """The events request's JSON."""
        packed = self.headers.get("content-encoding") == "gzip"
        members: dict[str, Any] = json.loads(gzip.decompress(self.raw) if packed else self.raw)
        return members


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What to answer. ``length`` lies about the body's; ``hang`` says nothing until the server ends."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None
    hang: bool = False
    drip: bool = False
    """One byte at a time, without end, once the headers are sent."""


Script = Callable[[Asked], Reply]


class _Http(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away in the middle are what these tests are about; anything else is told."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it came


class Server:
    """Answers by ``ruleset_script`` and ``events_script``, which a test may change at any moment."""

    def __init__(self, known: Ruleset = RULESET, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.ruleset_script: Script = serving(known)
        self.events_script: Script = acknowledging
        self.asked: list[Asked] = []
        self.ended = threading.Event()
        self._news = threading.Condition()
        self._http = _Http(("127.0.0.1", port), _handler_for(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._http.server_port}"

    def reply_to(self, asked: Asked) -> Reply:
        with self._news:
            self.asked.append(asked)
            self._news.notify_all()
        return (self.ruleset_script if asked.path.endswith("/v1/ruleset") else self.events_script)(asked)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Until the condition holds, looked at after each request; AssertionError when it never does."""
        with self._news:
            assert self._news.wait_for(condition, WITHIN_S), f"it never came; asked: {self.asked}"

    def wait_for_asked(self, path: str, count: int = 1) -> list[Asked]:
        """The first ``count`` requests for this path."""
        self.wait_for(lambda: len(self.to(path)) >= count)
        return self.to(path)[:count]

    def to(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    def events(self) -> list[dict[str, Any]]:
        """Every event of every batch, each batch once."""
        batches = {asked.batch["batch"]: asked.batch for asked in self.to("/v1/events")}
        return [event for batch in batches.values() for event in batch["events"]]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.ended.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(WITHIN_S)


@contextmanager
def running(known: Ruleset = RULESET, port: int = 0) -> Iterator[Server]:
    server = Server(known, port)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def serving(known: Ruleset) -> Script:
    """The ruleset with its tag, or 304 to who has it."""
    body, tag = encode(known), f'"{known.revision}-{known.environment}"'

    def reply(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == tag:
            return Reply(status=304, headers={"ETag": tag})
        return Reply(headers={"ETag": tag, "Content-Type": "application/json"}, body=body)

    return reply


def acknowledging(asked: Asked) -> Reply:
    """Accepts every event."""
    batch = asked.batch
    count = len(batch["events"])
    body = {"batch": batch["batch"], "duplicate": False, "accepted": count, "results": ["ok"] * count}
    return Reply(body=json.dumps(body).encode())


def always(reply: Reply) -> Script:
    return lambda asked: reply


def in_turn(*replies: Reply | Script) -> Script:
    """Each reply once, then the last for ever."""
    left = list(replies)

    def reply(asked: Asked) -> Reply:
        now = left.pop(0) if len(left) > 1 else left[0]
        return now if isinstance(now, Reply) else now(asked)

    return reply


def _handler_for(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def _answer(self, raw: bytes) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.reply_to(Asked(method=self.command, path=self.path, headers=headers, raw=raw))
            if reply.hang:
                server.ended.wait(WITHIN_S)
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            length = len(reply.body) if reply.length is None else reply.length
            if reply.status != 304:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            self._send(reply)
            self.close_connection |= length != len(reply.body)

        def _send(self, reply: Reply) -> None:
            try:
                if reply.status != 304:
                    self.wfile.write(reply.body)
                while reply.drip and not server.ended.wait(0.05):
                    self.wfile.write(b" ")
                    self.wfile.flush()
            except OSError:  # The client would not listen any longer.
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base's own name)
            """Say nothing."""

    return Handler
