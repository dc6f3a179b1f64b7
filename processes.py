"""The processes of an installation, each runnable alone."""

import logging
import os

import click

from runtime.errors import Invalid
from runtime.orphans import announce_parent, end_with_parent
from runtime.settings import Settings
from runtime.signals import on_end

GRACE_S = 4
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def settings_or_exit() -> Settings:
    """The settings of the environment; a clear end when one of them is wrong."""
    try:
        return Settings.from_environment(os.environ)
    except Invalid as error:
        raise click.ClickException(str(error)) from None


@click.command()
def serve() -> None:
    """Run web, worker and stream; migrate the database first."""
    from runtime import migrations
    from runtime.supervisor import Supervisor

    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    settings = settings_or_exit()
    migrations.upgrade(settings)
    supervisor = Supervisor(("web", "worker", "stream"), settings.to_environment())
    on_end(supervisor.stop)
    end_with_parent()
    click.echo(f"Pointsman serves at {settings.base_url} (data in {settings.data_dir})")
    supervisor.run()


@click.command()
def web() -> None:
    """Run the web server until SIGTERM; requests under way are finished first."""
    from granian import Granian
    from granian.constants import Interfaces

    settings = settings_or_exit()
    end_with_parent()
    announce_parent()
    Granian(
        "app:web",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=settings.web_workers,
        blocking_threads=settings.web_threads,
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
    running = create_worker(settings_or_exit())
    on_end(running.stop)
    running.run()


@click.command()
def stream() -> None:
    """Run the stream server until SIGTERM."""
    from granian import Granian
    from granian.constants import Interfaces

    settings = settings_or_exit()
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

    settings = settings_or_exit()
    migrations.upgrade(settings)
    click.echo(f"The database is at revision {migrations.newest()}.")
