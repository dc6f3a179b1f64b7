"""Alembic's entry: runs the numbered migrations in one transaction, one process at a time."""

from alembic import context
from sqlalchemy import text

import app  # noqa: F401  (importing the application names every table)
from runtime.database import Base, Database

# Any fixed number: what counts is that every process asks PostgreSQL for the same one.
_LOCK = 7_236_001


def run() -> None:
    """Bring the database to the newest revision, or leave it untouched."""
    database = Database(context.config.attributes["database_url"])
    # On SQLite beginning takes the write lock (see runtime.database), so the second process waits here.
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            compare_type=True,
            transactional_ddl=True,
        )
        context.run_migrations()
    database.close()


run()
