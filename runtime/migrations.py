"""Bringing the database's tables up to date, and knowing whether they are."""

import logging
from pathlib import Path
from typing import Final

from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from runtime.settings import Settings

FOLDER: Final = Path(__file__).parent.parent / "migrations"


def upgrade(settings: Settings) -> None:
    """Create or update every table. Safe to run at every start, and from several processes at once."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command
    from alembic.config import Config

    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["database_url"] = settings.database_url
    command.upgrade(config, "head")


def newest() -> str:
    """The revision the code needs: migrations are numbered 0001, 0002, …"""
    return max(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def current(session: Session) -> str | None:
    """The revision the database is at; None: no tables yet."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    found = session.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)
