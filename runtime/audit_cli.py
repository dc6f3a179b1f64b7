"""The audit log from the command line, straight on the database; nothing here writes to it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from sqlalchemy.orm import Session

from runtime import audit
from runtime.audit_chain import verify as verify_chain
from runtime.audit_export import Format, lines
from runtime.audit_tables import GENESIS
from runtime.database import Database
from runtime.errors import PointsmanError
from runtime.settings import Settings
from runtime.starting import refuse_unmigrated


@click.group("audit")
def commands() -> None:
    """Verify and export the audit log."""


@commands.command("verify")
@click.option("--expect-head", metavar="HASH", help="A head printed earlier, which must still be there.")
def verify(expect_head: str | None) -> None:
    """Check that no entry of the audit log was changed, deleted, slipped in or cut off.

    Prints the head of the chain: keep it where the database's owner cannot change it, and pass it to
    --expect-head the next time. Exit code 1: the log is broken; the first broken entry is named.
    """
    expected = None if expect_head is None else expect_head.strip().lower()
    if expected == GENESIS:
        raise click.BadParameter(
            "this is where every chain begins, so that it proves nothing", param_hint="--expect-head"
        )
    with _reading() as session:
        found = verify_chain(session, expect_head=expected)
    if found.broken is not None:
        where = "" if found.broken.position is None else f"entry {found.broken.position} "
        raise click.ClickException(f"{where}{found.broken.problem} ({found.entries} sound entries before)")
    click.echo(f"{found.entries} entries, unbroken. Head: {found.head}")


@commands.command("export")
@click.option("--since", type=click.DateTime(), help="Only entries from this moment on (UTC).")
@click.option("--subject", default="", help="Only this subject, such as demo/prod, and what lies under it.")
@click.option(
    "--format", "spelled", type=click.Choice([each.value for each in Format]), default=Format.JSONL.value
)
def export(since: datetime | None, subject: str, spelled: str) -> None:
    """Print the audit log, the oldest entry first, as JSON lines or CSV."""
    wanted = audit.AuditFilter(subject=subject, since=None if since is None else since.replace(tzinfo=UTC))
    with _reading() as session:
        for line in lines(audit.stream(session, wanted), Format(spelled)):
            click.echo(line, nl=False)


@contextmanager
def _reading() -> Iterator[Session]:
    try:
        database = Database(Settings.from_environment(os.environ).database_url)
        try:
            refuse_unmigrated(database)
            with database.reading() as session:
                yield session
        finally:
            database.close()
    except PointsmanError as error:
        raise click.ClickException(str(error)) from None
