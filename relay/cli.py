"""`pointsman relay`: rulesets, evaluations and events for a private network."""

import os
from pathlib import Path

import click


@click.command()
@click.option("--upstream", required=True, help="Address of the server, such as https://flags.example.com.")
@click.option(
    "--key", required=True, envvar="POINTSMAN_KEY", help="A server SDK key; better by POINTSMAN_KEY."
)
@click.option(
    "--keys",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a line `server SECRET` or `client SECRET` for each client of this relay.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65_535), default=8010, show_default=True)
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=".relay", show_default=True)
@click.option("--poll-interval", type=float, default=2.0, show_default=True, help="Seconds, at most.")
@click.option("--spool-mb", type=click.IntRange(1), default=1_024, show_default=True, help="Room for events.")
def relay(
    upstream: str,
    key: str,
    keys: Path,
    host: str,
    port: int,
    data: Path,
    poll_interval: float,
    spool_mb: int,
) -> None:
    """Serve one environment from a copy on disk and pass events on, whether the server above is up or not."""
    from relay.settings import RelaySettings
    from runtime.errors import Invalid
    from runtime.orphans import announce_parent

    try:
        settings = RelaySettings(
            upstream=upstream,
            key=key,
            keys_file=keys.absolute(),
            data_dir=data.absolute(),
            poll_s=poll_interval,
            spool_bytes=spool_mb * 1_000_000,
        )
        settings.keys()
    except Invalid as error:
        raise click.ClickException(f"--{error}") from None
    os.environ.update(settings.to_environment())
    announce_parent()
    click.echo(f"Relaying {upstream} at http://{host}:{port} (data in {settings.data_dir})")
    _serve(host, port)


def _serve(host: str, port: int) -> None:
    from granian import Granian
    from granian.constants import Interfaces

    Granian(
        "relay.application:from_environment",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=1,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=4,
        websockets=False,
    ).serve()
