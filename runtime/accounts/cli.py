"""Accounts from the command line, working straight on the database."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click
from sqlalchemy.orm import Session

from runtime.accounts import service
from runtime.accounts.tokens import MOST_DAYS, Scope, list_api_tokens
from runtime.actors import Actor, ActorKind
from runtime.database import Database
from runtime.errors import PointsmanError
from runtime.settings import Settings
from runtime.starting import refuse_unmigrated
from runtime.urgent import announced


@contextmanager
def command_session(*, urgent: bool = False) -> Iterator[tuple[Session, Actor]]:
    """A transaction and who runs it; our own errors end the command with one clear line.

    ``urgent``: long changes give way to it.
    """
    try:
        database = Database(Settings.from_environment(os.environ).database_url)
        try:
            refuse_unmigrated(database)
            with announced(database, urgent=urgent), database.session() as session:
                yield session, Actor(ActorKind.CLI, getpass.getuser())
        finally:
            database.close()
    except PointsmanError as error:
        raise click.ClickException(str(error)) from None


@click.command()
@click.argument("email")
def sign_in_link(email: str) -> None:
    """Print a link that signs EMAIL in, once, within 30 minutes; the person is created if new."""
    now = datetime.now(UTC)
    with command_session() as (session, actor):
        service.ensure_person(session, actor, email, now=now)
        token = service.create_sign_in_link(session, actor, email, now=now)
    click.echo(f"{Settings.from_environment(os.environ).base_url}/sign-in/{token}")


@click.command()
@click.argument("email")
@click.password_option()
def password(email: str, password: str) -> None:
    """Set the password of EMAIL, who is created if new; signs their browsers out."""
    with command_session() as (session, actor):
        service.ensure_person(session, actor, email, now=datetime.now(UTC))
        service.set_password(session, actor, email, password)
    click.echo(f"{email} can sign in with the new password.")


@click.group()
def token() -> None:
    """Tokens for the admin API."""


@token.command("create")
@click.argument("name")
@click.option(
    "--scope", type=click.Choice([each.value for each in Scope]), default=Scope.WRITE.value, show_default=True
)
@click.option("--project", help="The only project it opens; all if none is given.")
@click.option(
    "--days",
    type=click.IntRange(0, MOST_DAYS),
    default=365,
    show_default=True,
    help="How long it lives; 0: for ever.",
)
def create_token(name: str, scope: str, project: str | None, days: int) -> None:
    """Create a token called NAME and print it, this once."""
    now = datetime.now(UTC)
    ends = now + timedelta(days=days) if days else None
    with command_session() as (session, actor):
        secret = service.create_api_token(
            session, actor, name, now=now, scope=Scope(scope), project=project, expires_at=ends
        )
    click.echo(secret)


@token.command("list")
def list_tokens() -> None:
    """List every token, the newest first."""
    with command_session() as (session, _):
        found = list_api_tokens(session)
    for each in found:
        where = each.project or "every project"
        ends = "for ever" if each.expires_at is None else f"until {each.expires_at:%Y-%m-%d %H:%M} UTC"
        used = "never used" if each.last_used_at is None else f"last used {each.last_used_at:%Y-%m-%d}"
        state = "revoked" if each.revoked_at else ends
        click.echo(f"{each.name}  ({each.scope}, {where})  {state}  {used}")


@token.command("revoke")
@click.argument("name")
def revoke_token(name: str) -> None:
    """Make the token called NAME worthless."""
    with command_session() as (session, actor):
        service.revoke_api_token(session, actor, name, now=datetime.now(UTC))
    click.echo(f"The token {name} is revoked.")
