"""The stream as SDKs meet it: a real server process, a real database, real sockets."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from redis import Redis

from flags import notices, service
from flags.model import FlagAt
from flags.tickets import ticket
from flags.web.stream_url import STREAM_PATH
from runtime.database import Database
from tests.flags.making import ANNA, DEV, PROD, demo
from tests.flags.stream_app import MOST_PER_KEY, SIGNING_KEY
from tests.platform import ROOT, free_port, wait_until
from tests.servers import RedisServer

PATIENCE_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Server:
    port: int
    process: "subprocess.Popen[bytes]"

    @contextmanager
    def listening(self, secret: str, path: str = "/v1/stream", **headers: str) -> Iterator[HTTPResponse]:
        """The stream, closed afterwards. HTTPError: it was refused."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        key = {"Authorization": f"Bearer {secret}"} if secret else {}
        request = Request(f"http://127.0.0.1:{self.port}{path}", headers={**key, **named})
        with urlopen(request, timeout=PATIENCE_S) as answer:
            yield answer

    def answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=PATIENCE_S) as answer:
                healthy: bool = answer.status == 200
                return healthy
        except OSError:
            return False


def event(answer: HTTPResponse) -> list[str]:
    """The lines of the next event or comment, but for hints; empty at the end of the stream."""
    lines = []
    while line := answer.readline().decode().rstrip("\n"):
        if not line.startswith("retry: "):
            lines.append(line)
    return lines


def notice(answer: HTTPResponse) -> list[str]:
    """The next event that is no heartbeat."""
    while (lines := event(answer)) == [": heartbeat"]:
        pass
    return lines


def told(revision: int) -> list[str]:
    return ["event: revision", f"id: {revision}", f'data: {{"revision":{revision}}}']


@pytest.fixture
def server(sqlite_database: Database) -> Iterator[Server]:
    with running(sqlite_database) as made:
        yield made


@contextmanager
def running(sqlite_database: Database, **more: str) -> Iterator[Server]:
    """The stream server in a process of its own, with ``more`` in its environment."""
    port = free_port()
    url = sqlite_database.engine.url.render_as_string(hide_password=False)
    environ = {
        **os.environ,
        **more,
        "TEST_DATABASE_URL": url,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'sdk' / 'src'}",
    }
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--no-ws"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers-kill-timeout", "1"]
    log = Path(str(sqlite_database.engine.url.database)).with_suffix(".log").open("wb")
    process = subprocess.Popen(
        [*command, "tests.flags.stream_app:stream"],
        cwd=ROOT,
        env=environ,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    log.close()
    made = Server(port=port, process=process)
    try:
        wait_until(made.answers, "the stream server")
        yield made
    finally:
        # The whole group: a killed granian leaves its worker process behind.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def secret(sqlite_database: Database) -> str:
    with sqlite_database.session() as session:
        demo(session)
        return service.create_sdk_key(session, ANNA, "demo", "prod", name="test").secret


def toggle(database: Database, version: int, at: FlagAt = PROD) -> None:
    with database.session() as session:
        service.set_enabled(session, ANNA, at, enabled=version % 2 == 1, expected_version=version)


def test_a_change_is_told_and_another_environments_is_not(
    server: Server, secret: str, sqlite_database: Database
) -> None:
    with server.listening(secret) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert event(answer) == told(1)

        toggle(sqlite_database, 1, DEV)
        toggle(sqlite_database, 1)

        assert notice(answer) == told(2)
        toggle(sqlite_database, 2)
        assert notice(answer) == told(3)


def test_who_comes_back_hears_at_once_what_it_missed(
    server: Server, secret: str, sqlite_database: Database
) -> None:
    toggle(sqlite_database, 1)

    for known in ("1", "0", "", "rubbish", "-3", "9" * 50, "9"):
        with server.listening(secret, Last_Event_ID=known) as answer:
            assert event(answer) == told(2)
    with server.listening(secret, Last_Event_ID="2") as answer:
        assert event(answer) == [": connected"]
        assert event(answer) == [": heartbeat"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic abc"])
def test_a_stranger_hears_nothing(server: Server, secret: str, header: str) -> None:
    with pytest.raises(HTTPError) as refused, server.listening("", Authorization=header):
        pass

    with refused.value as answer:
        assert answer.status == 401
        assert b'"unauthenticated"' in answer.read()


def test_a_revoked_key_ends_its_streams(server: Server, secret: str, sqlite_database: Database) -> None:
    with server.listening(secret) as answer:
        assert event(answer) == told(1)

        with sqlite_database.session() as session:
            service.revoke_sdk_key(session, ANNA, "demo", "prod", 1)

        assert notice(answer) == []
        assert answer.read() == b""


def test_every_listener_is_told(server: Server, secret: str, sqlite_database: Database) -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(server.listening(secret)) for _ in range(50)]
        assert [event(each) for each in listeners] == [told(1)] * 50

        toggle(sqlite_database, 1)

        assert [notice(each) for each in listeners] == [told(2)] * 50


def test_sigterm_ends_the_server_with_listeners_connected(server: Server, secret: str) -> None:
    with server.listening(secret) as answer:
        assert event(answer) == told(1)

        server.process.send_signal(signal.SIGTERM)

        assert server.process.wait(PATIENCE_S) == 0


def test_every_stream_says_when_to_come_back(server: Server, secret: str) -> None:
    with server.listening(secret) as answer:
        assert answer.readline() == b"retry: 3000\n"


def address(key_id: int = 1, *, key: str = SIGNING_KEY, age: timedelta = timedelta(0)) -> str:
    return f"{STREAM_PATH}?ticket={ticket(key, key_id, now=datetime.now(UTC) - age)}"


def test_ofrep_clients_are_told_to_evaluate_again(
    server: Server, secret: str, sqlite_database: Database
) -> None:
    with server.listening("", address()) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        event(answer)

        toggle(sqlite_database, 1)

        assert notice(answer) == [
            "event: message",
            "id: 2",
            'data: {"type":"refetchEvaluation","etag":"2"}',
        ]


@pytest.mark.parametrize(
    "path",
    [
        STREAM_PATH,
        address(key="another"),
        address(age=timedelta(hours=13)),
        address(2),
        f"{address()}0",
        f"{STREAM_PATH}?ticket=1.%CB%99.x",
        address().replace("ticket=1", "ticket=2"),
    ],
)
def test_a_ticket_that_is_not_ours_hears_nothing(server: Server, secret: str, path: str) -> None:
    with pytest.raises(HTTPError) as refused, server.listening("", path):
        pass

    with refused.value as answer:
        assert answer.status == 401


def test_a_ticket_of_a_revoked_key_hears_nothing(
    server: Server, secret: str, sqlite_database: Database
) -> None:
    with sqlite_database.session() as session:
        service.revoke_sdk_key(session, ANNA, "demo", "prod", 1)

    with pytest.raises(HTTPError) as refused, server.listening("", address()):
        pass

    with refused.value as answer:
        assert answer.status == 401


def test_a_key_with_too_many_streams_is_told_when_to_come_back(server: Server, secret: str) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_PER_KEY):
            event(stack.enter_context(server.listening(secret)))

        with pytest.raises(HTTPError) as refused, server.listening(secret):
            pass

        with refused.value as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "10")


def subscribers(redis: RedisServer) -> int:
    with closing(Redis.from_url(redis.url)) as client:
        return int(dict(client.pubsub_numsub(notices.CHANNEL))[notices.CHANNEL.encode()])


def test_redis_tells_long_before_the_next_look(
    sqlite_database: Database, secret: str, redis_server: RedisServer
) -> None:
    notices.nudge_after_commits(sqlite_database, redis_server.url)
    never = {"TEST_LOOK_EVERY_S": "3600", "TEST_REDIS_URL": redis_server.url}

    with running(sqlite_database, **never) as server, server.listening(secret) as answer:
        event(answer)
        wait_until(lambda: subscribers(redis_server) > 0, "the stream server to listen to Redis")
        toggle(sqlite_database, 1)

        assert notice(answer) == told(2)


def test_without_redis_the_next_look_tells(
    sqlite_database: Database, secret: str, redis_server: RedisServer
) -> None:
    notices.nudge_after_commits(sqlite_database, redis_server.url)

    with (
        running(sqlite_database, TEST_REDIS_URL=redis_server.url) as server,
        server.listening(secret) as answer,
    ):
        event(answer)
        redis_server.stop()
        toggle(sqlite_database, 1)

        assert notice(answer) == told(2)
