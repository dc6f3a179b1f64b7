"""Units from the command line: what sticky flags remember of them, and why they get what they get."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from flags.cli import options
from flags.cli.transaction import transaction

if TYPE_CHECKING:
    from runtime.database import Database


@click.group()
def units() -> None:
    """Look up, explain, export and forget units."""


@units.command("show")
@options.project
@click.argument("unit")
def show_unit(project: str, unit: str) -> None:
    """Print what is remembered of UNIT as JSON. Enrolls nobody."""
    from flags import queries
    from runtime.accounts.cli import command_session

    with command_session() as (session, _):
        found = queries.get_unit(session, project, unit)
    click.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False, default=_plain))


@units.command("forget")
@options.project
@click.argument("unit")
@click.confirmation_option(prompt="Delete every assignment and event of this unit?")
def forget_unit(project: str, unit: str) -> None:
    """Forget UNIT (privacy): its assignments at once, its events within a day."""
    from flags import service

    with transaction() as (session, by):
        request = service.forget_unit(session, by, project, unit)
    click.echo(f"Assignments deleted: {request.assignments}. Events go within a day: request {request.id}.")


@units.command("forgotten")
@options.project
@click.option("--unit", "-u", help="Only requests of this unit.")
def list_forgotten(project: str, unit: str | None) -> None:
    """Print requests to forget a unit and how far they have come, the newest first, as JSON lines."""
    from flags import queries
    from runtime.accounts.cli import command_session

    with command_session() as (session, _):
        found = queries.list_forgotten(session, project, unit=unit)
    for each in found:
        facts = {"id": each.id, "digest": each.digest, "stage": each.stage, "asked_at": each.asked_at}
        counts = {"assignments": each.assignments, "events": each.events, "done_at": each.done_at}
        click.echo(json.dumps(facts | counts, default=_plain))


@units.command("export")
@options.project
@options.environment
@click.argument("flag")
def export_units(project: str, environment: str, flag: str) -> None:
    """Print everybody enrolled with FLAG as CSV, any number of them."""
    from flags.assignments_csv import csv_lines
    from flags.model import FlagAt

    with _database() as database:
        for text in csv_lines(FlagAt(project, environment, flag), database):
            click.echo(text, nl=False)


@units.command("explain")
@options.project
@options.environment
@click.option("--context", "-c", default="{}", help='What the application knows, as JSON: {"country": "DE"}.')
@click.argument("flag")
@click.argument("unit")
def explain_unit(project: str, environment: str, context: str, flag: str, unit: str) -> None:
    """Print step by step why UNIT gets what it gets from FLAG, as JSON."""
    from flags.evaluations import Evaluations
    from flags.explaining import explained
    from flags.model import FlagAt
    from flags.publisher import Publisher, caches_for
    from pointsman.core.explain import explanation_json

    try:
        known = json.loads(context)
    except ValueError as error:
        raise click.BadParameter(f"is not JSON: {error}", param_hint="--context") from None
    if not isinstance(known, dict):
        raise click.BadParameter('must be an object such as {"country": "DE"}', param_hint="--context")
    at = FlagAt(project, environment, flag)
    with _database() as database, database.reading() as session:
        found = explained(session, Publisher(caches_for(None)), Evaluations(), at, unit, known)
    click.echo(json.dumps(explanation_json(found.explanation), indent=2, ensure_ascii=False))


def _plain(value: object) -> str:
    """What JSON does not know: moments, as everywhere else."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


@contextmanager
def _database() -> Iterator["Database"]:
    """The installation's database; our own errors end the command with one clear line."""
    import os

    from runtime.database import Database
    from runtime.errors import PointsmanError
    from runtime.settings import Settings
    from runtime.starting import refuse_unmigrated

    try:
        database = Database(Settings.from_environment(os.environ).database_url)
        try:
            refuse_unmigrated(database)
            yield database
        finally:
            database.close()
    except PointsmanError as error:
        raise click.ClickException(str(error)) from None
