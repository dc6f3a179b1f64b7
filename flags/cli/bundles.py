"""`pointsman bundle` and `bundle-keygen`: signed rulesets for where no network is."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

_key_file = click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The private key; by default bundle.key in POINTSMAN_DATA.",
)


@click.command()
@click.option("--project", "-p", required=True, help="Key of the project.")
@click.option("--environment", "-e", required=True, help="Key of the environment.")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write."
)
@_key_file
@click.option(
    "--days", type=click.IntRange(1, 36_500), help="How long it may be used; for ever if not given."
)
def bundle(project: str, environment: str, out: Path, key_file: Path | None, days: int | None) -> None:
    """Write what an environment serves now into one signed file, for `Client.from_bundle`."""
    from flags.bundles import signer_of, write_bundle
    from flags.guards import By
    from runtime.accounts.cli import command_session

    now = datetime.now(UTC)
    ends = None if days is None else now + timedelta(days=days)
    with command_session() as (session, actor):
        body = write_bundle(
            session, By(actor), project, environment, signer_of(_path(key_file)), now=now, expires_at=ends
        )
        # Before the audit entry is committed: it tells of files that are there.
        _write(out, body)
    click.echo(f"{out}: {len(body)} bytes" + ("" if ends is None else f", until {ends:%Y-%m-%d %H:%M} UTC"))


@click.command("bundle-keygen")
@_key_file
def keygen(key_file: Path | None) -> None:
    """Make a key pair; the private one is written (mode 0600), the public one printed."""
    from flags.bundles import make_key
    from runtime.errors import Invalid

    try:
        public = make_key(_path(key_file))
    except Invalid as error:
        raise click.ClickException(str(error)) from None
    click.echo(public)


def _path(key_file: Path | None) -> Path:
    from runtime.settings import Settings

    return key_file or Settings.from_environment(os.environ).data_dir / "bundle.key"


def _write(out: Path, body: bytes) -> None:
    """Wholly or not at all: whoever reads the path meanwhile gets the old file or the new one."""
    aside = out.with_name(f".{out.name}.{os.urandom(6).hex()}")
    try:
        with aside.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(out)
    except OSError as error:
        raise click.ClickException(f"--out: cannot be written: {error}") from None
    finally:
        aside.unlink(missing_ok=True)
