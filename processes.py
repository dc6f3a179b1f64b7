"""The processes of an installation, each runnable alone."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

from runtime.errors import Invalid
from runtime.orphans import announce_parent, end_with_parent
from runtime.settings import Settings
from runtime.signals import on_end

GRACE_S = 4
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


@contextmanager
def one_clear_line() -> Iterator[None]:
    """End the command with one line, not with a traceback, when something is set up wrongly."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except Invalid as error:
        raise click.ClickException(str(error)) from None
    except DBAPIError as error:
        reason = str(error.orig).partition("\n")[0]
        raise click.ClickException(f"DATABASE_URL: the database cannot be used: {reason}") from None


def settings_or_exit() -> Settings:
    """The settings of the environment; a clear end when one of them is wrong."""
    try:
        return Settings.from_environment(os.environ)
    except Invalid as error:
        raise click.ClickException(str(error)) from None


def migrated_settings_or_exit() -> Settings:
    """The same, and the database has every table this version needs."""
    from runtime.database import Database
    from runtime.starting import refuse_unmigrated

    settings = settings_or_exit()
    with one_clear_line():
        database = Database(settings.database_url)
        try:
            refuse_unmigrated(database)
        finally:
            database.close()
    return settings


@click.command()
def serve() -> None:
    """Run web, worker and stream; migrate the database first."""
    from runtime import migrations, starting
    from runtime.supervisor import Supervisor

    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    settings = settings_or_exit()
    with one_clear_line():
        starting.refuse_taken_ports(settings)
        starting.make_data_dir(settings)
        migrations.upgrade(settings)
    supervisor = Supervisor(("web", "worker", "stream"), settings.to_environment())
    on_end(supervisor.stop)
    end_with_parent()
    click.echo(f"Pointsman serves at {settings.base_url} (data in {settings.data_dir})")
    supervisor.run()


@click.command()
def web() -> None:
    """Run the web server until SIGTERM; requests under way are finished first."""
    settings = migrated_settings_or_exit()
    end_with_parent()
    announce_parent()
    serve_web("app:web", settings)


def serve_web(target: str, settings: Settings) -> None:
    """Serve the front that the factory ``target`` makes, in every worker process its own, until SIGTERM."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings

    Granian(
        target,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.RSGI,
        factory=True,
        # Only so is a connection that says nothing at all closed: guessing its protocol has no time limit.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=2_000 * settings.body_timeout_s),
        workers=settings.web_workers,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=GRACE_S,
        websockets=False,
    ).serve()


@click.command()
def worker() -> None:
    """Run the worker until SIGTERM; the step under way is finished first."""
    from app import create_worker

    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    end_with_parent()
    running = create_worker(migrated_settings_or_exit())
    on_end(running.stop)
    running.run()


@click.command()
def stream() -> None:
    """Run the stream server until SIGTERM."""
    from granian import Granian
    from granian.constants import Interfaces

    settings = migrated_settings_or_exit()
    end_with_parent()
    announce_parent()
    Granian(
        "app:stream",
        address=settings.host,
        port=settings.stream_port,
        interface=Interfaces.ASGI,
        factory=True,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=1,
        websockets=False,
    ).serve()


@click.command()
def migrate() -> None:
    """Create or update every table; safe to repeat."""
    from runtime import migrations
    from runtime.starting import make_data_dir

    settings = settings_or_exit()
    with one_clear_line():
        make_data_dir(settings)
        migrations.upgrade(settings)
    click.echo(f"The database is at revision {migrations.newest()}.")
