"""Alembic's entry: runs the numbered migrations in one transaction, one process at a time."""

import fcntl
import tempfile
from contextlib import ExitStack
from pathlib import Path

import app  # noqa: F401  (importing the application names every table)
from alembic import context
from sqlalchemy import create_engine, pool, text
from sqlalchemy.engine import make_url

from runtime.database import Base

# Any fixed number: what counts is that every process asks PostgreSQL for the same one.
_LOCK = 7_236_001


def run() -> None:
    url = make_url(context.config.attributes["database_url"])
    sqlite = url.get_backend_name() == "sqlite"
    engine = create_engine(url, poolclass=pool.NullPool)
    with ExitStack() as stack:
        if sqlite:
            folder = Path(url.database).parent if url.database else Path(tempfile.gettempdir())
            lock = stack.enter_context((folder / "migrate.lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        connection = stack.enter_context(engine.begin())
        if not sqlite:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=sqlite,
            compare_type=True,
        )
        context.run_migrations()


run()
